/* Mail for tests: raw messages in by SMTP, whole mailboxes out by IMAP. */
import { readFileSync } from 'node:fs'
import { ImapFlow } from 'imapflow'
import nodemailer from 'nodemailer'

/* Opens `connections` SMTP connections to a server of startMail(), as the outside world does, without
 * signing in. send({from, to, raw}) puts `raw` (Buffer or string) through as it is; an empty `from` is the
 * null sender of bounces. It resolves to the server's answer. */
export function openSmtp(mail, { connections = 2 } = {}) {
    const transport = nodemailer.createTransport({
        host: mail.host,
        port: mail.smtp,
        ignoreTLS: true,
        pool: true,
        maxConnections: connections,
        maxMessages: Infinity,
    })
    return {
        send: async ({ from, to, raw }) =>
            (await transport.sendMail({ envelope: { from: from || false, to: [to].flat() }, raw }))
                .response,
        close: () => transport.close(),
    }
}

/* One message over a connection of its own. */
export async function sendMail(mail, message) {
    const smtp = openSmtp(mail, { connections: 1 })
    try {
        return await smtp.send(message)
    } finally {
        smtp.close()
    }
}

/* Header fields by lower-case name, unfolded, not decoded; of a field that repeats, the first. */
export function parseHeaders(raw) {
    const text = raw.toString('latin1')
    const end = text.search(/\r?\n\r?\n/)
    const headers = {}
    for (const line of (end < 0 ? text : text.slice(0, end))
        .replace(/\r?\n(?=[ \t])/g, '')
        .split(/\r?\n/)) {
        const match = /^([^:\s]+):\s*(.*)$/.exec(line)
        if (match) headers[match[1].toLowerCase()] ??= match[2].trim()
    }
    return headers
}

function textPart(node) {
    if (!node.childNodes)
        return node.type === 'text/plain' || node.type === 'text/html' ? node : null
    const parts = node.childNodes.map(textPart).filter(Boolean)
    return parts.find(part => part.type === 'text/plain') ?? parts[0] ?? null
}

async function readText(client, uid, structure) {
    const part = structure && textPart(structure)
    if (!part) return ''
    const { content } = await client.download(String(uid), part.part ?? '1', { uid: true })
    const chunks = []
    for await (const chunk of content ?? []) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8').replace(/\r\n/g, '\n')
}

/* Runs `work(client)` signed in to the mailbox of `address` (imapflow's client), over TLS. */
export async function withImap(mail, address, work) {
    const client = new ImapFlow({
        host: mail.host,
        port: mail.imaps,
        secure: true,
        auth: { user: address, pass: mail.password(address) },
        tls: { ca: readFileSync(mail.ca) },
        logger: false,
    })
    client.on('error', () => {})
    try {
        await client.connect()
        const result = await work(client)
        await client.logout()
        return result
    } finally {
        client.close()
    }
}

/* Everything in one folder, oldest first: { uid, flags, headers, from, subject, text, raw }. `headers` as
 * parseHeaders gives them; from, subject and text (of the plain part, else the HTML) are decoded. Does not
 * mark anything as read. */
export function readMailbox(mail, address, folder = 'INBOX') {
    return withImap(mail, address, async client => {
        const lock = await client.getMailboxLock(folder, { readOnly: true })
        try {
            if (client.mailbox.exists === 0) return []
            const messages = await client.fetchAll('1:*', { uid: true, flags: true, source: true })
            /* Asked for apart: a structure that imapflow cannot take in costs the whole answer. */
            const shapes = new Map()
            for (const shape of await client.fetchAll('1:*', {
                uid: true,
                envelope: true,
                bodyStructure: true,
            }))
                shapes.set(shape.uid, shape)
            const list = []
            for (const { uid, flags, source } of messages) {
                const { envelope, bodyStructure } = shapes.get(uid) ?? {}
                list.push({
                    uid,
                    flags,
                    headers: parseHeaders(source),
                    from: envelope?.from?.[0]?.address ?? '',
                    subject: envelope?.subject ?? '',
                    text: await readText(client, uid, bodyStructure),
                    raw: source,
                })
            }
            return list
        } finally {
            lock.release()
        }
    })
}
