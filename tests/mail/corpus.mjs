/* Three hundred mails to support@example.test from 120 customers, for the test of the whole way from a complaint to
 * its answer: two outages (card payments fail; the log-in leads back to its own form) in German, English, French
 * and Luxembourgish, among everything else a shop's mailbox gets. The same at each call. */
import { choiceOf, expand, generator } from '../../demo/phrases/expand.mjs'
import de from '../../demo/phrases/de.mjs'
import en from '../../demo/phrases/en.mjs'
import fr from '../../demo/phrases/fr.mjs'
import lb from '../../demo/phrases/lb.mjs'
import { automatic } from './automatic.mjs'
import { broken } from './broken.mjs'
import {
    escapeHtml,
    flowed,
    headerText,
    mailbox,
    mailDate,
    message,
    multipart,
    part,
    textPart,
} from './mime.mjs'
import { unrelated } from './unrelated.mjs'

export const SUPPORT = 'support@example.test'
export const SENDERS = 120
export const MAILS = 300

const BEGIN = 1764511200
const banks = { de, en, fr, lb }
/* The languages of twenty people, over and over: 45, 25, 15 and 15 of 100. */
const LANGUAGES = 'de en de fr de lb en de de en de lb fr de en de de lb en fr'.split(' ')
const HUGE = 30_000_000

/* Who writes what: sender numbers, first and last. */
const CARD = [1, 50]
const LOGIN = [51, 86]
const THREAD = 87
const OTHERS = [88, 112]
const MACHINES = [113, 119]
const EMPTY = 120

const senderAddress = number => `sender${String(number).padStart(3, '0')}@customer.test`

/* How a mail program writes out what is answered: the line before it, or the block of an Outlook. */
const QUOTES = {
    de: {
        gmail: 'Am So., 30. Nov. 2025 um 15:04 Uhr schrieb {who} <{address}>:',
        apple: 'Am 30.11.2025 um 15:04 schrieb {who} <{address}>:',
        outlook:
            'Von: {who} <{address}>\nGesendet: Sonntag, 30. November 2025 15:04\nAn: {to}\nBetreff: {subject}',
    },
    en: {
        gmail: 'On Sun, Nov 30, 2025 at 3:04 PM {who} <{address}> wrote:',
        apple: 'On 30 Nov 2025, at 15:04, {who} <{address}> wrote:',
        outlook:
            'From: {who} <{address}>\nSent: Sunday, November 30, 2025 3:04 PM\nTo: {to}\nSubject: {subject}',
    },
    fr: {
        gmail: 'Le dim. 30 nov. 2025 à 15:04, {who} <{address}> a écrit\u00a0:',
        apple: 'Le 30 nov. 2025 à 15:04, {who} <{address}> a écrit :',
        outlook:
            'De : {who} <{address}>\nEnvoyé : dimanche 30 novembre 2025 15:04\nÀ : {to}\nObjet : {subject}',
    },
}
QUOTES.lb = QUOTES.fr
const STYLES = ['gmail', 'outlook', 'apple']

const SIGNATURES = {
    de: [
        '\n-- \n{name}\nIm Weingarten {n}, 54290 Trier\nTel. 0651 / 99 {n} 00',
        '\nVon meinem iPhone gesendet',
        '\n-- \n{name} | Physiotherapie am Markt | Termine nur nach Vereinbarung',
        '\nGesendet mit der Mail-App',
    ],
    en: [
        '\n-- \n{name}\nSenior Analyst | Kirchberg | +352 99 {n} 00',
        '\nSent from my iPhone',
        '\nGet Outlook for Android',
        '\n-- \n{name}\nPlease consider the environment before printing this email.',
    ],
    fr: [
        '\n-- \n{name}\n{n}, rue des Tanneurs, 57100 Thionville',
        '\nEnvoyé de mon iPhone',
        '\nEnvoyé depuis mon mobile',
        '\n-- \n{name}\nCabinet comptable',
    ],
    lb: [
        '\n-- \n{name}\n{n}, rue de la Gare, L-4999 Réimech',
        '\nEnvoyé de mon iPhone',
        '\nVu mengem Handy geschéckt',
        '\n-- \n{name}\nGemeng',
    ],
}

class Corpus {
    constructor() {
        this.random = generator(1215)
        this.mails = []
        this.ids = 0
        this.people = new Map()
        for (let number = 1; number <= SENDERS; number++)
            this.people.set(number, this.person(number))
        /* Two people of the same name. */
        Object.assign(this.people.get(11), {
            name: this.people.get(10).name,
            lang: this.people.get(10).lang,
        })
    }

    chance(p) {
        return this.random() < p
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)]
    }

    integer(low, high) {
        return low + Math.floor(this.random() * (high - low + 1))
    }

    person(number) {
        const lang = LANGUAGES[number % LANGUAGES.length]
        const bank = banks[lang]
        return {
            number,
            lang,
            name: `${this.pick(bank.first)} ${this.pick(bank.last)}`,
            address: senderAddress(number),
        }
    }

    fill(template, bank) {
        const slots = {
            order: () => `HL-${this.integer(410000, 479999)}`,
            customer: () => String(this.integer(100000, 389999)),
            amount: () => `${this.integer(12, 189)},${this.pick(['00', '50', '90', '95'])} €`,
        }
        for (const name of ['card', 'bank', 'times', 'product', 'city', 'tea'])
            slots[name] = () => this.pick(bank[name])
        return expand(template, slots, this.random)
    }

    sentence(template, bank) {
        const text = this.fill(template, bank)
        return text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.')
    }

    /* Greeting, one to five sentences, name: as people write to a shop. */
    letter(person, sentences) {
        const bank = banks[person.lang]
        const body =
            sentences.length > 2 && this.chance(0.4)
                ? [sentences.slice(0, 2).join(' '), sentences.slice(2).join(' ')].join('\n\n')
                : sentences.join(' ')
        const sign = this.chance(0.75) ? person.name : person.name.split(' ')[0]
        let text = `${this.pick(bank.greeting)}\n\n${body}\n\n${this.fill(this.pick(bank.closing), bank)}\n${sign}\n`
        if (this.chance(0.35))
            text +=
                this.pick(SIGNATURES[person.lang])
                    .replace('{name}', person.name)
                    .replaceAll('{n}', String(this.integer(10, 98))) + '\n'
        return text
    }

    complaint(person, incident) {
        const bank = banks[person.lang]
        const { core, context } = bank.incident[incident]
        const sentences = [this.pick(core)]
        for (const list of [context, context, bank.ask, bank.ask])
            if (this.chance(0.5)) sentences.push(this.pick(list))
        return this.letter(
            person,
            [...new Set(sentences)].map(template => this.sentence(template, bank)),
        )
    }

    /* The usual header lines; remembers the Message-ID and the time for add(). */
    headers(from, name, subject, { to = SUPPORT, extra = [] } = {}) {
        this.ids++
        this.messageId = `<${this.ids}.${this.integer(1e8, 1e9)}@${this.pick(['mail', 'mobile', 'web'])}.customer.test>`
        this.at = BEGIN + this.ids * 3 + this.integer(0, 2)
        return [
            `From: ${mailbox(name, from, this.chance(0.5) ? 'Q' : 'B')}`,
            `To: ${this.chance(0.3) ? mailbox('Hafenladen', to) : to}`,
            `Subject: ${headerText(subject, this.chance(0.5) ? 'Q' : 'B')}`,
            `Date: ${mailDate(this.at, this.pick([60, 60, 60, 0, -300]))}`,
            `Message-ID: ${this.messageId}`,
            ...extra,
        ]
    }

    /* A text in one of the shapes mail programs give it. */
    content(text, html) {
        const boundary = `=_${this.integer(1e9, 9e9)}`
        const page = html ?? `<div dir="ltr">${escapeHtml(text).replace(/\n/g, '<br>\n')}</div>`
        const latin = /^[\0-\xff€’…œ–]*$/.test(text) ? 'windows-1252' : 'utf-8'
        const shapes = {
            plain: [22, () => textPart(text, { encoding: '8bit' })],
            quoted: [15, () => textPart(text)],
            base64: [10, () => textPart(text, { encoding: 'base64' })],
            latin: [
                15,
                () =>
                    textPart(text, {
                        charset:
                            latin === 'utf-8' || text.includes('€') || /[’…œ–]/.test(text)
                                ? latin
                                : 'iso-8859-1',
                    }),
            ],
            flowed: [
                12,
                () => textPart(flowed(text), { encoding: '8bit', parameters: '; format=flowed' }),
            ],
            alternative: [
                16,
                () =>
                    multipart('alternative', boundary, [
                        textPart(text),
                        textPart(page, { subtype: 'html' }),
                    ]),
            ],
            html: [
                7,
                () =>
                    textPart(
                        `<html><head><style>p{margin:0}</style></head><body>${page}</body></html>`,
                        { subtype: 'html' },
                    ),
            ],
            picture: [3, () => multipart('mixed', boundary, [textPart(text), this.screenshot()])],
        }
        const shape = choiceOf(
            Object.fromEntries(Object.entries(shapes).map(([name, [weight]]) => [name, weight])),
            this.random,
        )
        return { shape, part: shapes[shape][1]() }
    }

    screenshot() {
        const pixel = Buffer.from(
            'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
            'base64',
        )
        return part('image/png; name="screenshot.png"', pixel, 'base64', [
            'Content-Disposition: attachment; filename="screenshot.png"',
        ])
    }

    add(person, raw, expect, more = {}) {
        const { from, envelopeFrom, messageId, at, ...rest } = {
            from: person.address,
            envelopeFrom: person.address,
            messageId: this.messageId,
            at: this.at,
            ...more,
        }
        const answerTo = expect.answered ? (expect.answerTo ?? from) : null
        const mail = { from, envelopeFrom, to: SUPPORT, messageId, at, raw, ...rest }
        this.mails.push({
            ...mail,
            expect: { incident: null, answered: false, readable: true, ...expect, answerTo },
        })
        return this.mails.at(-1)
    }

    outageMail(
        person,
        incident,
        {
            text = this.complaint(person, incident),
            html,
            subject,
            extra = [],
            parent,
            answerTo,
        } = {},
    ) {
        const bank = banks[person.lang]
        const title = subject ?? this.fill(this.pick(bank.incident[incident].subjects), bank)
        const lines = this.headers(person.address, this.chance(0.9) ? person.name : '', title, {
            extra,
        })
        const { shape, part: content } = this.content(text, html)
        const expect = { kind: 'outage', incident, answered: true, answerTo }
        const more = {
            lang: person.lang,
            subject: title,
            text,
            shape,
            thread: parent?.thread ?? this.messageId,
            references: [...(parent?.references ?? []), this.messageId],
        }
        return this.add(person, message(lines, content), expect, more)
    }

    /* What was written before, as plain text and as HTML. */
    quote(person, mail, style) {
        const head = QUOTES[person.lang][style]
            .replace('{who}', person.name)
            .replace('{address}', person.address)
            .replace('{to}', SUPPORT)
            .replace('{subject}', mail.subject)
        const lines = text => escapeHtml(text).replace(/\n/g, '<br>\n')
        const old = lines(mail.text)
        if (style === 'outlook')
            return {
                text: `\n________________________________\n${head}\n\n${mail.text}`,
                html: `<hr style="width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font>${lines(head)}</font></div><div>${old}</div>`,
            }
        const html = {
            gmail: `<div class="gmail_quote"><div dir="ltr" class="gmail_attr">${lines(head)}<br></div><blockquote class="gmail_quote">${old}</blockquote></div>`,
            apple: `<div><br><blockquote type="cite"><div>${lines(head)}</div><br><div>${old}</div></blockquote></div>`,
        }
        return {
            text: `\n${head}\n\n${mail.text.replace(/^/gm, '> ').trimEnd()}\n`,
            html: html[style],
        }
    }

    /* The same person once more, below their own mail, with what they wrote before under it. */
    followUp(person, incident, parent, style = this.pick(STYLES)) {
        const bank = banks[person.lang]
        const sentences = [this.pick(bank.incident[incident].still)]
        if (this.chance(0.6)) sentences.push(this.pick(bank.ask))
        const own = this.letter(
            person,
            sentences.map(template => this.sentence(template, bank)),
        )
        const quote = this.quote(person, parent, style)
        const html = `<div dir="ltr">${escapeHtml(own).replace(/\n/g, '<br>\n')}</div>${quote.html}`
        const subject = /^Re: /.test(parent.subject) ? parent.subject : `Re: ${parent.subject}`
        const extra = [
            `In-Reply-To: ${parent.messageId}`,
            `References: ${parent.references.join('\r\n ')}`,
        ]
        return this.outageMail(person, incident, {
            text: own + quote.text,
            html,
            subject,
            extra,
            parent,
            answerTo: parent.expect.answerTo,
        })
    }

    /* Everything one customer writes about an outage: `count` mails. */
    customer(number, incident, count) {
        const person = this.people.get(number)
        const elsewhere = number === 12 ? 'alice@customer.test' : undefined
        const extra = elsewhere ? [`Reply-To: ${elsewhere}`] : []
        const first = this.outageMail(person, incident, { extra, answerTo: elsewhere })
        let last = first
        for (let i = 1; i < count; i++) {
            const way = number === 7 ? 0 : this.random()
            if (way < 0.25) {
                const { text, subject } = first
                this.outageMail(person, incident, { text, subject, extra, answerTo: elsewhere })
            } else if (way < 0.7) last = this.followUp(person, incident, last)
            else this.outageMail(person, incident, { extra, answerTo: elsewhere })
        }
    }

    outages(total) {
        const numbers = [CARD, LOGIN].flatMap(([first, last], i) =>
            Array.from({ length: last - first + 1 }, (_, k) => [first + k, ['card', 'login'][i]]),
        )
        const counts = new Map(numbers.map(([number]) => [number, 1]))
        counts.set(7, 3)
        for (let left = total - numbers.length - 2; left > 0;) {
            const [number] = this.pick(numbers)
            if (number === 7 || counts.get(number) >= 5) continue
            counts.set(number, counts.get(number) + 1)
            left--
        }
        for (const [number, incident] of numbers)
            this.customer(number, incident, counts.get(number))
    }

    thread() {
        const person = this.people.get(THREAD)
        let last = this.outageMail(person, 'card', {})
        for (const style of ['gmail', 'outlook', 'apple', 'gmail'])
            last = this.followUp(person, 'card', last, style)
        for (const mail of this.mails.slice(-5)) mail.expect.kind = 'thread'
    }

    others() {
        const numbers = Array.from({ length: OTHERS[1] - OTHERS[0] + 1 }, (_, i) => OTHERS[0] + i)
        for (const [i, [lang, subject, text]] of unrelated.entries()) {
            const person = { ...this.people.get(numbers[i % numbers.length]), lang }
            const first = text[0].toUpperCase() + text.slice(1)
            const body = this.letter(person, [first])
            const { shape, part: content } = this.content(body)
            const raw = message(this.headers(person.address, person.name, subject), content)
            this.add(person, raw, { kind: 'unrelated' }, { lang, subject, text: body, shape })
        }
    }

    machines() {
        const addresses = Array.from({ length: MACHINES[1] - MACHINES[0] + 1 }, (_, i) =>
            senderAddress(MACHINES[0] + i),
        )
        const stamps = []
        const headers = (...given) => {
            const lines = this.headers(...given)
            stamps.push({ messageId: this.messageId, at: this.at })
            return lines
        }
        for (const [i, mail] of automatic(headers, addresses).entries()) {
            const { kind, raw, from, envelopeFrom, lang } = mail
            this.add(
                { address: from },
                raw,
                { kind: 'automatic', machine: kind },
                { ...stamps[i], from, envelopeFrom, lang },
            )
        }
    }

    damaged() {
        const addresses = Array.from({ length: 14 }, (_, i) => senderAddress(OTHERS[0] + i))
        for (const mail of broken((...given) => this.headers(...given), addresses, this.random)) {
            const head = mail.raw.subarray(0, 2000).toString('latin1')
            const messageId = /^Message-ID: (<.*>)/m.exec(head)?.[1] ?? null
            const expect = {
                kind: 'broken',
                damage: mail.kind,
                marker: mail.marker,
                readable: mail.readable,
            }
            this.add({ address: mail.from }, mail.raw, expect, {
                messageId,
                at: BEGIN + this.integer(0, 900),
            })
        }
    }

    /* Nothing in it, and 30 MB in it. */
    extremes() {
        const nobody = this.people.get(EMPTY)
        this.add(nobody, message(this.headers(nobody.address, '', '')), { kind: 'empty' })

        const person = { ...this.people.get(OTHERS[1]), lang: 'de' }
        const line = Buffer.from(
            'QnJlYWt3YXRlciBob2xkcyBiYWNrIHRoZSB3YXZlLCBob3dldmVyIGxhcmdlIGl0IGlzLi4u\r\n',
        )
        const video = Buffer.alloc(Math.floor(HUGE / line.length) * line.length, line)
        const attachment = {
            headers: [
                'Content-Type: video/mp4; name="kanne.mp4"',
                'Content-Transfer-Encoding: base64',
                'Content-Disposition: attachment; filename="kanne.mp4"',
            ],
            body: video,
        }
        const text = this.letter(person, ['Im Film sieht man den Riss im Henkelglas der Laterne.'])
        const lines = this.headers(person.address, person.name, 'Riss in der Laterne')
        const raw = message(lines, multipart('mixed', 'film', [textPart(text), attachment]))
        this.add(
            person,
            raw,
            { kind: 'huge', marker: 'Henkelglas' },
            { lang: 'de', subject: 'Riss in der Laterne', text },
        )
    }

    /* Everything that is not an outage first, so that the outages fill up to MAILS, then mixed as they would arrive:
     * at random, but each person's mails in their order. */
    make() {
        this.others()
        this.machines()
        this.damaged()
        this.extremes()
        this.thread()
        this.outages(MAILS - this.mails.length)
        const slots = this.mails.map((mail, i) => [this.random(), i, mail])
        const order = new Map()
        for (const [key, , mail] of slots)
            order.set(mail.from, [...(order.get(mail.from) ?? []), key])
        for (const keys of order.values()) keys.sort((a, b) => a - b)
        return slots
            .map(([, i, mail]) => [order.get(mail.from).shift(), i, mail])
            .sort(([a, i], [b, j]) => a - b || i - j)
            .map(([, , mail]) => mail)
    }
}

/* The mails in the order to send them. Each: from (the sender's mailbox), envelopeFrom ('' for machines' replies),
 * to, raw (Buffer), messageId (null where the mail has none), at (its Date, epoch seconds), and where they apply lang,
 * subject, text (body as written), shape (of MIME), thread (Message-ID of its first mail), references; expect:
 * { kind: outage, thread, unrelated, automatic, broken, empty or huge; incident: card, login or null; answered; answerTo
 * (mailbox the answer has to be in, or null); readable: false where quarantine is as good a place as the inbox;
 * machine, damage, marker (a word of its text) }. */
export function corpus() {
    return new Corpus().make()
}

/* Who has to get exactly one answer: mailbox => { incident, messageIds (any of them may be answered) }. */
export function expectedAnswers(mails) {
    const answers = new Map()
    for (const { expect, messageId } of mails) {
        if (!expect.answered) continue
        const answer = answers.get(expect.answerTo) ?? { incident: expect.incident, messageIds: [] }
        answer.messageIds.push(messageId)
        answers.set(expect.answerTo, answer)
    }
    return answers
}
