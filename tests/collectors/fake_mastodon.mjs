/* A server with Mastodon's client API, as far as the connector uses it, that can be told to fail: pages as
 * the documentation says, an Idempotency-Key is honoured, answers are whole objects of the published schema. */
import { createServer } from 'node:http'

const token = 'a-token'
const selfId = '1'
const start = Date.parse('2026-11-22T09:00:00Z')

export async function startFakeMastodon({ limit = 80 } = {}) {
    const accounts = new Map()
    const statuses = []
    const notifications = []
    const keys = new Map()
    const requests = []
    const faults = []
    let next = 115602233447780000n
    let clock = start
    let url

    const newId = () => String(++next)
    const host = () => new URL(url).host

    function account(acct, { id = newId(), bot = false, name = '' } = {}) {
        if (accounts.has(acct)) return accounts.get(acct)
        const made = {
            id, acct, username: acct.split('@')[0], display_name: name, bot, group: false, locked: false, indexable: false,
            note: '', fields: [], emojis: [], uri: `https://${acct.split('@')[1] ?? 'acme.example'}/users/${acct.split('@')[0]}`,
            url: `https://${acct.split('@')[1] ?? 'acme.example'}/@${acct.split('@')[0]}`,
            avatar: 'https://acme.example/a.png', avatar_static: 'https://acme.example/a.png', avatar_description: '',
            header: 'https://acme.example/h.png', header_static: 'https://acme.example/h.png', header_description: '',
            created_at: '2020-01-01T00:00:00.000Z', last_status_at: null, statuses_count: 0, followers_count: 0,
            following_count: 0, discoverable: true, roles: [], noindex: false, hide_collections: null,
        }
        accounts.set(acct, made)
        return made
    }

    /* Publishes a status; with `notify` it mentions us. */
    function publish(author, text, { visibility = 'public', to = null, notify = false, language = 'en', ...more } = {}) {
        const id = newId()
        const parent = to && statuses.find(status => status.id === to)
        const mentioned = [...text.matchAll(/@([a-z]+(?:@[a-z.]+)?)/g)].map(match => accounts.get(match[1])).filter(Boolean)
        const words = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('\n', '<br />')
        const status = {
            id, uri: `${author.uri}/statuses/${id}`, url: `${author.url}/${id}`, created_at: new Date(clock += 1000).toISOString(),
            edited_at: null, in_reply_to_id: to, in_reply_to_account_id: parent?.account.id ?? null, visibility, language,
            sensitive: false, spoiler_text: '', account: author, media_attachments: [], tags: [], emojis: [], reblog: null,
            poll: null, card: null, application: null, replies_count: 0, reblogs_count: 0, favourites_count: 0, quotes_count: 0,
            mentions: mentioned.map(({ id, acct, username, url }) => ({ id, acct, username, url })),
            content: `<p>${words.replace(/@([a-z]+)(@[a-z.]+)?/g, '<span class="h-card"><a href="https://x.example/@$1" class="u-url mention">@<span>$1</span></a></span>')}</p>`,
            ...more,
        }
        statuses.push(status)
        if (notify) tell('mention', author, status)
        return status
    }

    function tell(type, author, status) {
        const id = newId()
        const made = { id, type, created_at: new Date(clock).toISOString(), group_key: `ungrouped-${id}`, account: author, status }
        notifications.push(made)
        return made
    }

    /* Mastodon's paging: the oldest first after min_id, the newest first otherwise; a page is newest first. */
    function page(list, query, most) {
        const count = Math.min(Number(query.get('limit') ?? 40), most)
        const after = query.get('min_id')
        const before = query.get('max_id')
        if (after !== null) return list.filter(each => BigInt(each.id) > BigInt(after)).slice(0, count).reverse()
        return list.filter(each => before === null || BigInt(each.id) < BigInt(before)).slice(-count).reverse()
    }

    function context(id) {
        const ancestors = []
        for (let at = statuses.find(each => each.id === id); at?.in_reply_to_id; ) {
            at = statuses.find(each => each.id === at.in_reply_to_id)
            if (at) ancestors.unshift(at)
        }
        const descendants = []
        for (const each of statuses)
            if (each.in_reply_to_id === id || descendants.some(found => found.id === each.in_reply_to_id)) descendants.push(each)
        return { ancestors, descendants }
    }

    function createStatus(request, body) {
        const key = request.headers['idempotency-key']
        if (keys.has(key)) return [200, keys.get(key)]
        if (body.in_reply_to_id && !statuses.some(each => each.id === body.in_reply_to_id))
            return [404, { error: 'Record not found' }]
        if (body.status.length > 500) return [422, { error: 'Validation failed: Text limit of 500 characters exceeded' }]
        const made = publish(account('help'), body.status, {
            visibility: body.visibility, to: body.in_reply_to_id, language: body.language ?? 'en',
        })
        if (key) keys.set(key, made)
        return [200, made]
    }

    const instance = {
        domain: 'acme.example', title: 'Acme', version: '4.5.0', source_url: 'https://github.com/mastodon/mastodon',
        description: '', languages: ['en'], rules: [], usage: { users: { active_month: 3 } }, api_versions: { mastodon: 7 }, icon: [],
        thumbnail: { url: 'https://acme.example/t.png', blurhash: null, description: null, versions: null },
        configuration: {
            statuses: { max_characters: 500, max_media_attachments: 4, characters_reserved_per_url: 23 },
            accounts: { max_featured_tags: 10, max_pinned_statuses: 5 }, urls: { streaming: 'wss://acme.example' },
            media_attachments: { supported_mime_types: [], image_size_limit: 1, image_matrix_limit: 1, video_size_limit: 1,
                video_frame_rate_limit: 1, video_matrix_limit: 1, description_limit: 1500 },
            polls: { max_options: 4, max_characters_per_option: 50, min_expiration: 300, max_expiration: 1000 },
            translation: { enabled: false }, vapid: { public_key: 'x' }, limited_federation: false,
        },
        registrations: { enabled: false, approval_required: false, reason_required: null, message: null, min_age: null, url: null },
        contact: { email: 'x@acme.example', account: null },
    }

    function route(request, path, query, body) {
        const [, , , kind, id, part] = path.split('/')
        if (path === '/api/v2/instance') return [200, instance]
        if (request.headers.authorization !== `Bearer ${token}`) return [401, { error: 'The access token is invalid' }]
        if (path === '/api/v1/accounts/verify_credentials')
            return [200, { ...account('help'), role: { id: '0', name: '', color: '', permissions: '0', highlighted: false },
                source: { note: '', fields: [], privacy: 'public', sensitive: false, language: '', follow_requests_count: 0,
                    attribution_domains: [], discoverable: true, hide_collections: null, indexable: false, quote_policy: 'public' } }]
        if (path === '/api/v1/notifications') {
            const types = query.getAll('types[]')
            return [200, page(notifications.filter(each => !types.length || types.includes(each.type)), query, limit)]
        }
        if (kind === 'accounts' && part === 'statuses')
            return [200, page(statuses.filter(each => each.account.id === id), query, 40)]
        if (kind === 'statuses' && part === 'context')
            return statuses.some(each => each.id === id) ? [200, context(id)] : [404, { error: 'Record not found' }]
        if (path === '/api/v1/statuses' && request.method === 'POST') return createStatus(request, body)
        return [404, { error: 'Not found' }]
    }

    function answer(request, response, text) {
        const { pathname, searchParams } = new URL(request.url, url)
        const body = text ? JSON.parse(text) : null
        requests.push({ method: request.method, path: pathname, query: searchParams, body, headers: request.headers })
        const fault = faults.find(each => each.times > 0 && each.on.test(`${request.method} ${pathname}`))
        if (fault) fault.times--
        let [status, json] = fault && !fault.done ? [fault.status ?? 500, fault.body ?? {}] : route(request, pathname, searchParams, body)
        if (fault?.hangUp) return request.socket.destroy()
        if (fault?.status) [status, json] = [fault.status, fault.body ?? {}]
        const reset = new Date(Date.now() + 300_000).toISOString().replace('Z', '000Z')
        response.writeHead(status, {
            'content-type': typeof json === 'string' ? 'text/html' : 'application/json',
            'x-ratelimit-limit': '300', 'x-ratelimit-remaining': '299', 'x-ratelimit-reset': reset, ...fault?.headers,
        })
        response.end(typeof json === 'string' ? json : JSON.stringify(json))
    }

    const server = createServer((request, response) => {
        let text = ''
        request.setEncoding('utf8')
        request.on('data', data => (text += data))
        request.on('end', () => answer(request, response, text))
    })
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${server.address().port}`
    account('help', { id: selfId, name: 'Acme' })
    return {
        url, token, selfId, statuses, notifications, requests, account, publish, tell, host,
        /* The next `times` requests whose "METHOD /path" fits `on` fail: with `status`, `body`, `headers`, or by `hangUp`;
         * with `done` only after the server has done what was asked. */
        fail: (on, fault) => faults.push({ on, times: 1, ...fault }),
        at: () => clock,
        stop: () => new Promise(resolve => {
            server.closeAllConnections?.()
            server.close(resolve)
        }),
    }
}
