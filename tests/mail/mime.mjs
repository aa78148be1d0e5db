/* Builds RFC 822 messages by hand, so that tests decide about every byte of them. */
import base64 from 'nodemailer/lib/base64/index.js'
import mimeFuncs from 'nodemailer/lib/mime-funcs/index.js'
import qp from 'nodemailer/lib/qp/index.js'

const CP1252 = {
    '€': 0x80,
    '…': 0x85,
    '‘': 0x91,
    '’': 0x92,
    '“': 0x93,
    '”': 0x94,
    '–': 0x96,
    '—': 0x97,
    œ: 0x9c,
}

/* `text` in utf-8, iso-8859-1 or windows-1252. What the charset lacks becomes "?". */
export function inCharset(text, charset) {
    if (charset === 'utf-8') return Buffer.from(text)
    const bytes = [...text].map(char => {
        const code = char.codePointAt(0)
        if (charset === 'windows-1252' && CP1252[char]) return CP1252[char]
        return code < 256 ? code : 0x3f
    })
    return Buffer.from(bytes)
}

export const crlf = text => text.replace(/\r?\n/g, '\r\n')

/* A header value with RFC 2047 words (way "Q" or "B") where it is not ASCII. */
export function headerText(text, way = 'Q') {
    return /^[\x20-\x7e]*$/.test(text)
        ? text
        : mimeFuncs.encodeWord(text, way, 60).replace(/\?= =\?/g, '?=\r\n =?')
}

export function mailbox(name, address, way) {
    if (!name) return address
    return /^[\x20-\x7e]*$/.test(name)
        ? `"${name}" <${address}>`
        : `${headerText(name, way)} <${address}>`
}

/* Wed, 03 Dec 2025 09:00:00 +0100 */
export function mailDate(seconds, zone = 60) {
    const text = new Date((seconds + zone * 60) * 1000).toUTCString()
    const sign = zone < 0 ? '-' : '+'
    const pad = number => String(number).padStart(2, '0')
    return text.replace(
        'GMT',
        sign + pad(Math.floor(Math.abs(zone) / 60)) + pad(Math.abs(zone) % 60),
    )
}

/* A part: its header lines and its body. Encoding: quoted-printable, base64, 8bit or 7bit. */
export function part(type, bytes, encoding, headers = []) {
    const body =
        encoding === 'base64'
            ? Buffer.from(crlf(base64.wrap(base64.encode(bytes))))
            : encoding === 'quoted-printable'
              ? Buffer.from(crlf(qp.wrap(qp.encode(bytes))))
              : bytes
    return {
        headers: [`Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`, ...headers],
        body,
    }
}

export function textPart(
    text,
    { charset = 'utf-8', encoding = 'quoted-printable', subtype = 'plain', parameters = '' } = {},
) {
    return part(
        `text/${subtype}; charset=${charset}${parameters}`,
        inCharset(crlf(text), charset),
        encoding,
    )
}

export function multipart(subtype, boundary, parts, parameters = '') {
    const pieces = parts.flatMap(({ headers, body }) => [
        Buffer.from(`--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n`),
        body,
        Buffer.from('\r\n'),
    ])
    return {
        headers: [`Content-Type: multipart/${subtype}; boundary="${boundary}"${parameters}`],
        body: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
    }
}

/* The whole message: `headers` are lines as they go out, `content` is a part. */
export function message(headers, content) {
    const lines = content ? [...headers, 'MIME-Version: 1.0', ...content.headers] : headers
    return Buffer.concat([
        Buffer.from(lines.join('\r\n') + '\r\n\r\n'),
        content ? content.body : Buffer.alloc(0),
    ])
}

/* RFC 3676 with DelSp=no: a line too long is broken after a space, which stays; quote marks go before each piece. */
export function flowed(text) {
    const line = whole => {
        const [, marks, rest] = /^((?:> ?)*)(.*)$/s.exec(whole)
        if (whole === '-- ') return whole
        const pieces = rest
            .trimEnd()
            .replace(/(.{40,66} )(?=\S)/g, '$1\n')
            .split('\n')
        return pieces
            .map(piece => marks + (!marks && /^(From |[ >])/.test(piece) ? ' ' : '') + piece)
            .join('\n')
    }
    return text.split('\n').map(line).join('\n')
}

export function escapeHtml(text) {
    return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
