#!/usr/bin/env node
/* The demo's outage day: about 3,000 messages to Hafenladen, a made-up shop for tea, enamel and linen near Trier,
 * as JSON lines in time order; with --gold, what each of them is: id, incident (card, login, -), complaint 0/1, kind.
 *
 * START = 1764511200, a Sunday, 15:00 in Luxembourg. Before it lie two weeks of normal days; after it fifteen minutes
 * in which two things fail: card payments from START + 5 s on, worst at START + 120 s, and the log-in, which
 * leads back to its own form, from START + 45 s on. Everything is drawn from one seeded generator: same
 * file, same day. All names, accounts and addresses are invented and lie under .example. */
import answerPhrases from './phrases/answers.mjs'
import { pathToFileURL } from 'node:url'
import de from './phrases/de.mjs'
import en from './phrases/en.mjs'
import fr from './phrases/fr.mjs'
import lb from './phrases/lb.mjs'
import { choiceOf, expand, generator, typo } from './phrases/expand.mjs'

export const START = 1764511200
export const END = START + 15 * 60
const HISTORY_DAYS = 14

const banks = { de, en, fr, lb }
const LANGUAGES = { de: 45, en: 25, fr: 15, lb: 15 }
const CHANNELS = { x: 29, facebook: 20, instagram: 16, mastodon: 11, bluesky: 8, mail: 16 }
/* Networks that tell a post's language; X knows no Luxembourgish. */
const TELLS_LANGUAGE = {
    x: ['de', 'en', 'fr'],
    mastodon: ['de', 'en', 'fr', 'lb'],
    bluesky: ['de', 'en', 'fr', 'lb'],
}
const HOSTS = ['norden.example', 'mosel.example', 'letz.example', 'toot.example']
/* Share of the day's messages by local hour, and of the week's by day (Sunday first). */
const HOURS = [2, 1, 1, 0, 0, 1, 3, 6, 9, 11, 12, 11, 10, 9, 10, 11, 11, 12, 13, 14, 15, 13, 9, 5]
const WEEKDAYS = [0.8, 1.15, 1.05, 1, 1, 1.05, 0.95]

/* How many people start what; repeats, retweets and replies come on top. */
const PEOPLE = { card: 385, login: 285, rest: 470, history: 1180 }

/* When an incident's people write: quick rise to a top, long tail. `rise` is half the seconds to the top. */
const CURVES = {
    card: { begin: 5, rise: 57.5, tail: 0.2 },
    login: { begin: 45, rise: 65, tail: 0.2 },
}

class Day {
    constructor(seed) {
        this.random = generator(seed)
        this.messages = []
        this.handles = new Set()
        this.names = new Set()
        this.texts = new Set()
    }

    chance(p) {
        return this.random() < p
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)]
    }

    between(low, high) {
        return low + this.random() * (high - low)
    }

    integer(low, high) {
        return Math.floor(this.between(low, high + 1))
    }

    fill(template, bank) {
        const cents = this.pick(['00', '50', '90', '95'])
        const slots = {
            order: () => `HL-${this.integer(410000, 479999)}`,
            customer: () => String(this.integer(100000, 389999)),
            amount: () => `${this.integer(12, 189)}${bank === en ? '.' : ','}${cents} €`,
            days: () => String(this.integer(8, 26)),
            friend: () =>
                `${this.pick(bank.first).toLowerCase()}${this.pick(['', '_', '.'])}${this.integer(1, 99)}`,
        }
        for (const name of ['card', 'bank', 'times', 'product', 'city', 'tea'])
            slots[name] = () => this.pick(bank[name])
        return expand(template, slots, this.random)
    }

    /* A person with habits: how they write goes through everything they write. */
    person(lang = choiceOf(LANGUAGES, this.random)) {
        const bank = banks[lang]
        let first, last
        do {
            first = this.pick(bank.first)
            last = this.pick(bank.last)
        } while (this.names.has(first + last))
        this.names.add(first + last)
        const name = this.pick([
            `${first} ${last}`,
            `${first} ${last}`,
            `${first} ${last}`,
            `${first} ${last[0]}. ${this.pick(['🌊', '☕', '🐈', '🌿', ''])}`.trim(),
            `${first.toLowerCase()} ${last.toLowerCase()}`,
            `${first}${last}`,
        ])
        const style = {
            lower: this.chance(0.14),
            loose: this.chance(0.25),
            typos: this.chance(0.16),
            emoji: this.chance(0.4),
            tags: this.chance(0.25),
        }
        return { lang, bank, first, last, name, style, accounts: {} }
    }

    account(person, channel) {
        if (person.accounts[channel]) return person.accounts[channel]
        const plain = text =>
            text
                .normalize('NFD')
                .replace(/[^a-zA-Z]/g, '')
                .toLowerCase()
        const first = plain(person.first)
        const last = plain(person.last)
        let handle
        do {
            const number = this.integer(1, 99)
            handle = this.pick([
                `${first}${last}`,
                `${first}.${last}`,
                `${first}_${last[0]}${number}`,
                `${last}${number}`,
                `${first}${number}`,
                `${first[0]}${last}${number}`,
            ])
            if (channel === 'x') handle = handle.replace('.', '_')
            if (channel === 'mastodon') handle = `${handle.replace('.', '_')}@${this.pick(HOSTS)}`
            if (channel === 'bluesky') handle = `${handle.replace('_', '-')}.bsky.example`
            if (channel === 'facebook') handle = `fb${this.integer(100000000, 999999999)}`
            if (channel === 'instagram') handle = `ig.${handle}`
            if (channel === 'mail')
                handle = `${handle}@${this.pick(['post.example', 'mail.example', 'brief.example'])}`
        } while (this.handles.has(handle))
        this.handles.add(handle)
        return (person.accounts[channel] = handle)
    }

    permalink(channel, handle) {
        const number = `1995${this.integer(100000000, 999999999)}${this.integer(100000, 999999)}`
        const key = number.replace(/\d/g, digit => 'abcdefghij'[digit]).slice(4)
        if (channel === 'x') return `https://x.example/${handle}/status/${number}`
        if (channel === 'facebook') return `https://facebook.example/hafenladen/comments/${number}`
        if (channel === 'instagram') return `https://instagram.example/c/${key}`
        if (channel === 'bluesky') return `https://bluesky.example/profile/${handle}/post/${key}`
        if (channel === 'mastodon')
            return `https://${handle.split('@')[1]}/@${handle.split('@')[0]}/${number}`
        return undefined
    }

    add(person, channel, ts, text, gold, more = {}) {
        const author = this.account(person, channel)
        const told = TELLS_LANGUAGE[channel]?.includes(person.lang)
        const message = {
            ts: ts < START ? Math.round(ts) : Math.round(ts * 10) / 10,
            channel,
            author,
            author_name: person.name,
            author_handle: channel === 'facebook' ? undefined : author.replace(/^ig\./, ''),
            lang: told ? person.lang : undefined,
            subject: more.subject,
            text,
            parent: more.parent,
            visibility: more.visibility ?? this.visibility(channel),
            permalink: this.permalink(channel, author),
        }
        const entry = { message, gold, person }
        this.messages.push(entry)
        return entry
    }

    visibility(channel) {
        if (channel === 'mail') return 'direct'
        return this.chance(channel === 'instagram' || channel === 'facebook' ? 0.12 : 0.05)
            ? 'direct'
            : 'public'
    }

    /* A new text that nobody has written yet, so that equal texts are copies on purpose. */
    fresh(make) {
        let text = make()
        for (let attempt = 0; attempt < 20 && this.texts.has(text); attempt++) text = make()
        this.texts.add(text)
        return text
    }

    sentence(text, style) {
        if (style.lower) return text.toLowerCase()
        return text[0].toUpperCase() + text.slice(1)
    }

    /* Sentences to one post, in this person's way. */
    post(person, channel, sentences, { tags = [], rant = [], bare = false } = {}) {
        const { bank, style } = person
        const mention =
            channel === 'mail' || channel === 'facebook' ? 0 : channel === 'instagram' ? 0.25 : 0.75
        let text = ''
        if (!bare && !style.lower && this.chance(0.35)) {
            text = this.pick(bank.opening)
            if (/[\p{L}\p{N}]$/u.test(text)) text += this.pick([',', ',', '!', ':'])
        }
        for (const sentence of sentences) {
            const part =
                /[,:]$/.test(text) && !style.lower ? sentence : this.sentence(sentence, style)
            if (/[\p{L}\p{N}]$/u.test(text))
                text += style.loose ? this.pick(['', ',', '\n', '...']) : '.'
            text += (text && !text.endsWith('\n') ? ' ' : '') + part
        }
        if (!style.loose && /[\p{L}\p{N}]$/u.test(text)) text += this.pick(['.', '.', '!', ''])
        if (style.typos && this.chance(0.7)) text = typo(text, this.random)
        if (rant.length && style.emoji)
            text += ' ' + this.pick(rant).repeat(this.chance(0.15) ? 3 : 1)
        if (tags.length && style.tags && channel !== 'mail') text += ' ' + this.pick(tags)
        if (this.chance(mention))
            text = this.chance(0.7) ? `@hafenladen ${text}` : `${text} @hafenladen`
        return text
    }

    mail(person, sentences) {
        const { bank, style } = person
        const body = sentences.map(sentence => {
            const part = this.sentence(sentence, style)
            return /[.!?…]$/.test(part) ? part : part + '.'
        })
        const text = style.typos ? typo(body.join(' '), this.random) : body.join(' ')
        const greeting = this.sentence(this.pick(bank.greeting), style)
        const sender = this.chance(0.7) ? `${person.first} ${person.last}` : person.first
        return `${greeting}\n\n${text}\n\n${this.fill(this.pick(bank.closing), bank)}\n${sender}`
    }

    write(person, channel, sentences, options) {
        return this.fresh(() =>
            channel === 'mail'
                ? this.mail(
                      person,
                      sentences().concat(
                          this.chance(0.3) && options?.ask ? [this.pick(options.ask)] : [],
                      ),
                  )
                : this.post(person, channel, sentences(), options),
        )
    }

    complaint(person, channel, topic) {
        const { bank } = person
        const part = bank.incident[topic]
        if (channel !== 'mail' && this.chance(0.13))
            return this.fresh(() =>
                this.post(person, channel, [this.fill(this.pick(part.whole), bank)], {
                    bare: true,
                    rant: bank.rant,
                }),
            )
        return this.write(
            person,
            channel,
            () => {
                const sentences = [this.pick(part.core)]
                if (this.chance(channel === 'mail' ? 0.85 : 0.42))
                    sentences.push(this.pick(part.context))
                if (this.chance(channel === 'mail' ? 0.8 : 0.4)) sentences.push(this.pick(bank.ask))
                return sentences.map(sentence => this.fill(sentence, bank))
            },
            { tags: part.tags, rant: bank.rant, ask: bank.ask },
        )
    }

    /* Seconds after START at which somebody is struck by the incident. */
    moment({ begin, rise, tail }) {
        const top = this.chance(tail)
            ? -Math.log(1 - this.random()) * rise * 5
            : -Math.log((1 - this.random()) * (1 - this.random()) * (1 - this.random())) * rise
        const after = begin + top
        return after < END - START - 1 ? after : this.between(begin + rise, END - START - 1)
    }

    incident(topic) {
        const outage = { incident: topic, complaint: 1, kind: 'outage' }
        for (let i = 0; i < PEOPLE[topic]; i++) {
            const person = this.person()
            const channel = choiceOf(CHANNELS, this.random)
            const at = START + (i === 0 ? CURVES[topic].begin : this.moment(CURVES[topic]))
            const subject =
                channel === 'mail'
                    ? this.fill(this.pick(person.bank.incident[topic].subjects), person.bank)
                    : undefined
            const first = this.add(
                person,
                channel,
                at,
                this.complaint(person, channel, topic),
                outage,
                { subject },
            )
            this.again(first, topic)
            if (channel === 'mail' || first.message.visibility === 'direct') continue
            if (this.chance(0.16)) this.replies(first, topic)
            if (channel === 'x' && this.chance(0.22)) this.retweets(first)
            if (this.chance(0.05)) this.copies(first)
        }
    }

    /* The same person again: an impatient repeat, or the same on another network. */
    again(first, topic) {
        const { person, message } = first
        const { bank } = person
        const gold = { ...first.gold, kind: 'repeat' }
        if (this.chance(0.13)) {
            let at = message.ts
            for (let count = this.chance(0.25) ? 2 : 1; count > 0; count--) {
                at += this.between(35, 200)
                if (at >= END) break
                const way = this.random()
                const still = () => [this.fill(this.pick(bank.incident[topic].still), bank)]
                const text =
                    way < 0.3
                        ? message.text
                        : way < 0.8
                          ? this.write(person, message.channel, still, { rant: bank.rant })
                          : this.pick(bank.nudge)
                const subject = message.subject && `Re: ${message.subject}`
                const parent = way < 0.3 ? undefined : message
                this.add(person, message.channel, at, text, gold, {
                    parent,
                    subject,
                    visibility: message.visibility,
                })
            }
        }
        if (message.channel !== 'mail' && this.chance(0.08)) {
            const others = Object.keys(CHANNELS).filter(
                channel => channel !== message.channel && channel !== 'mail',
            )
            const at = message.ts + this.between(8, 90)
            const text = this.chance(0.5)
                ? message.text
                : message.text.replace(/ ?(@hafenladen|#\S+)/g, '').trim()
            if (at < END)
                this.add(
                    person,
                    this.pick(others),
                    at,
                    text,
                    { ...first.gold, kind: 'crosspost' },
                    { visibility: 'public' },
                )
        }
    }

    /* Others answer below a public complaint: the same here, or a piece of advice. */
    replies(first, topic) {
        let at = first.message.ts
        for (let count = this.integer(1, 3); count > 0; count--) {
            at += this.between(12, 120)
            if (at >= END) return
            const person = this.person(this.chance(0.8) ? first.person.lang : undefined)
            const { bank } = person
            const helps = this.chance(0.2)
            const line = this.fill(this.pick(helps ? bank.advice : bank.incident[topic].same), bank)
            const gold = helps
                ? { incident: '-', complaint: 0, kind: 'advice' }
                : { ...first.gold, kind: 'followup' }
            let text = this.sentence(line, person.style)
            if (person.style.emoji) text += ' ' + this.pick(helps ? ['🙂', '👍', '☕'] : bank.rant)
            this.add(person, first.message.channel, at, text, gold, {
                parent: first.message,
                visibility: 'public',
            })
        }
    }

    retweets(first) {
        for (let count = this.integer(1, 5); count > 0; count--) {
            const at = first.message.ts + this.between(5, 150)
            const gold = { ...first.gold, kind: 'retweet' }
            const text = `RT @${first.message.author}: ${first.message.text}`
            if (at < END)
                this.add(this.person(first.person.lang), 'x', at, text, gold, {
                    visibility: 'public',
                })
        }
    }

    copies(first) {
        for (let count = this.integer(1, 3); count > 0; count--) {
            const at = first.message.ts + this.between(20, 240)
            const gold = { ...first.gold, kind: 'copy' }
            const channel = this.pick(['facebook', 'instagram', 'x', 'mastodon'])
            const prefix = this.pick(['', '', '👆 ', 'kopiert: '])
            if (at < END)
                this.add(
                    this.person(first.person.lang),
                    channel,
                    at,
                    prefix + first.message.text,
                    gold,
                    { visibility: 'public' },
                )
        }
    }

    /* One message of a normal day. `mix` weighs the kinds. */
    ordinary(at, mix) {
        const kind = choiceOf(mix, this.random)
        const person = this.person()
        const { bank } = person
        const gold = { incident: '-', complaint: kind === 'single' ? 1 : 0, kind }
        let channel = choiceOf(CHANNELS, this.random)
        if (channel === 'mail' && ['chatter', 'joke', 'advert'].includes(kind)) channel = 'facebook'
        const mail = channel === 'mail'
        const more = {}
        let list = bank[kind]
        if (kind === 'single') list = this.pick(Object.values(bank.single))
        const lines = () => {
            const sentences = [this.pick(list)]
            if (kind === 'praise' && this.chance(0.35)) sentences.push(this.pick(list))
            if (kind === 'chatter' && this.chance(0.2)) sentences.push(this.pick(list))
            if (kind === 'single' && this.chance(0.45)) sentences.push(this.pick(bank.ask))
            return [...new Set(sentences)].map(sentence => this.fill(sentence, bank))
        }
        const emoji = {
            praise: ['❤️', '😍', '☕', '🌿', '👏', '🥰'],
            chatter: ['🙂', '☕', '🕯️', '😄'],
            single: bank.rant,
        }[kind]
        const text =
            kind === 'advert' || kind === 'joke'
                ? this.fill(this.pick(list), bank)
                : this.write(person, channel, lines, { rant: emoji })
        if (mail)
            more.subject =
                kind === 'praise'
                    ? this.pick(bank.mailpraise)
                    : text
                          .split('\n')[2]
                          .split(/\s+/)
                          .slice(0, 5)
                          .join(' ')
                          .replace(/[.,:]$/, '')
        const first = this.add(person, channel, at, text, gold, more)
        if (channel === 'x' && kind !== 'single' && this.chance(0.15)) this.retweets(first)
        if (kind === 'single' && this.chance(0.08)) {
            const later = at + this.between(600, 90000)
            const subject = first.message.subject && `Re: ${first.message.subject}`
            if (later < START)
                this.add(
                    person,
                    channel,
                    later,
                    this.pick(bank.nudge),
                    { ...gold, kind: 'repeat' },
                    {
                        parent: first.message,
                        subject,
                        visibility: first.message.visibility,
                    },
                )
        }
    }

    history() {
        const mix = { praise: 25, chatter: 25, question: 20, single: 24, advert: 6 }
        const hours = []
        for (let ts = START - HISTORY_DAYS * 86400; ts < START; ts += 3600) {
            const local = new Date((ts + 3600) * 1000)
            hours.push([ts, HOURS[local.getUTCHours()] * WEEKDAYS[local.getUTCDay()]])
        }
        for (let i = 0; i < PEOPLE.history; i++) {
            const hour =
                hours[
                    Number(
                        choiceOf(
                            Object.fromEntries(hours.map(([, weight], n) => [n, weight])),
                            this.random,
                        ),
                    )
                ][0]
            this.ordinary(hour + this.between(0, 3600), mix)
        }
        for (const [topic, lang, days] of [
            ['card', 'de', 11.2],
            ['card', 'en', 6.3],
            ['card', 'fr', 3.1],
            ['login', 'de', 8.4],
            ['login', 'en', 1.9],
        ]) {
            const person = this.person(lang)
            const text = this.complaint(person, 'facebook', topic)
            this.add(person, 'facebook', START - days * 86400, text, {
                incident: '-',
                complaint: 1,
                kind: 'single',
            })
        }
    }

    run() {
        this.history()
        this.incident('card')
        this.incident('login')
        const mix = { praise: 33, chatter: 36, question: 12, single: 7, advert: 6, joke: 6 }
        for (let i = 0; i < PEOPLE.rest; i++)
            this.ordinary(START + this.between(0, END - START), mix)

        this.messages.sort((a, b) => a.message.ts - b.message.ts)
        const ids = new Map(
            this.messages.map(({ message }, i) => [
                message,
                `hl-${String(i + 1).padStart(4, '0')}`,
            ]),
        )
        const root = message => (message.parent ? root(message.parent) : message)
        return this.messages.map(({ message, gold }) => {
            const {
                ts,
                channel,
                author,
                author_name,
                author_handle,
                lang,
                subject,
                text,
                parent,
                visibility,
                permalink,
            } = message
            const id = ids.get(message)
            const thread = ids.get(root(message))
            const line = {
                id,
                ts,
                channel,
                author,
                author_name,
                author_handle,
                lang,
                subject,
                text,
                thread,
                parent: ids.get(parent),
                visibility,
                permalink,
            }
            return { message: line, gold }
        })
    }
}

/* The whole day: { message, gold: { incident, complaint, kind } }, in time order, the same at each call. */
export function outageDay() {
    return new Day(20251130).run()
}

/* A number that belongs to a text, so that what is drawn for one message does not move when others do. */
function numberOf(text) {
    let number = 2166136261
    for (const char of text) number = Math.imul(number ^ char.codePointAt(0), 16777619) >>> 0
    return number
}

/* What the team answered in the two weeks before: nearly everybody but who advertises in public, up to two hours later;
 * the last ones still wait. Marked `outbound`, in the customer's thread. */
export function teamAnswers() {
    const answers = []
    for (const { message, gold } of outageDay()) {
        if (message.ts >= START || (gold.kind === 'advert' && message.visibility !== 'direct')) continue
        const kinds = { single: 'single', repeat: 'single', question: 'question', advert: 'advert' }
        const kind = kinds[gold.kind] ?? 'other'
        const number = numberOf(message.id)
        const ts = message.ts + 600 + (number % 6600)
        if (ts > START - 1800) continue
        const list = answerPhrases[message.lang ?? 'de'][kind]
        answers.push({
            ...message,
            id: `${message.id}-a`,
            ts,
            subject: undefined,
            text: list[(number >>> 8) % list.length],
            parent: message.id,
            permalink: undefined,
            outbound: true,
        })
    }
    return answers
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
    const option = process.argv[2]
    if (process.argv.length > 3 || (option && option !== '--gold' && option !== '--customers')) {
        console.error('usage: outage-day.mjs [--gold | --customers]')
        process.exit(2)
    }
    const day = outageDay()
    const lines =
        option === '--gold'
            ? day.map(
                  ({ message, gold }) =>
                      `${message.id}\t${gold.incident}\t${gold.complaint}\t${gold.kind}`,
              )
            : day
                  .map(({ message }) => message)
                  .concat(option ? [] : teamAnswers())
                  .sort((a, b) => a.ts - b.ts)
                  .map(message => JSON.stringify(message))
    process.stdout.write(lines.join('\n') + '\n')
}
