/* Fourteen mails that are not as they should be. A `readable` one has to show `marker`, a word of its text, in the
 * inbox; of the others the inbox may show what it can, or quarantine keeps the raw bytes, with the marker in them. */
import { crlf, inCharset } from './mime.mjs'

/* `headers(from, name, subject)` gives the usual lines, `senders` are addresses, `random` makes numbers in [0, 1). */
export function broken(headers, senders, random) {
    let turn = 0
    const raw = (lines, ...body) => {
        const bytes = body.map(piece => (Buffer.isBuffer(piece) ? piece : Buffer.from(crlf(piece))))
        return Buffer.concat([Buffer.from(lines.join('\r\n') + '\r\n\r\n'), ...bytes])
    }
    const mail = (kind, marker, make, readable = true) => {
        const from = senders[turn++ % senders.length]
        return {
            kind,
            marker,
            from,
            readable,
            raw: make(subject => [...headers(from, '', subject), 'MIME-Version: 1.0'], from),
        }
    }
    const nested = depth => {
        let body =
            'Content-Type: text/plain; charset=utf-8\n\nMatrjoschkas: gibt es die auch aus Emaille?\n'
        for (let level = depth; level > 0; level--)
            body = `Content-Type: multipart/mixed; boundary="level${level}"\n\n--level${level}\n${body}\n--level${level}--\n`
        return body
    }
    return [
        mail('no end boundary', 'Stoffmuster', head =>
            raw(
                [...head('Muster'), 'Content-Type: multipart/alternative; boundary="open"'],
                '--open\nContent-Type: text/plain; charset=utf-8\n\nHallo, könnten Sie mir ein Stoffmuster vom Leinen schicken?\n',
            ),
        ),
        mail(
            'boundary never comes',
            'Samowar',
            head =>
                raw(
                    [...head('Samowar'), 'Content-Type: multipart/mixed; boundary="nowhere"'],
                    'Guten Tag, verkaufen Sie auch einen Samowar?\n',
                ),
            false,
        ),
        mail('wrong charset', 'Teelicht', head =>
            raw(
                [
                    ...head('Halter'),
                    'Content-Type: text/plain; charset=utf-8',
                    'Content-Transfer-Encoding: 8bit',
                ],
                inCharset(
                    crlf('Schöne Grüße, passt ein Teelicht unter das Stövchen?\n'),
                    'iso-8859-1',
                ),
            ),
        ),
        mail('unknown charset', 'Honigglas', head =>
            raw(
                [
                    ...head('Honig'),
                    'Content-Type: text/plain; charset=x-does-not-exist',
                    'Content-Transfer-Encoding: 8bit',
                ],
                'Do you sell a Honigglas with a wooden spoon?\n',
            ),
        ),
        mail('bad base64', 'Zuckerdose', head =>
            raw(
                [
                    ...head('Sucre'),
                    'Content-Type: text/plain; charset=utf-8',
                    'Content-Transfer-Encoding: base64',
                ],
                Buffer.from('Bonjour, avez-vous une Zuckerdose en émail ?\n')
                    .toString('base64')
                    .replace(/(.{12})/, '$1 *!\r\n~')
                    .replace(/=+$/, '') + '=\n',
            ),
        ),
        mail('8 bit in headers', 'Milchkanne', (_, from) =>
            inCharset(
                crlf(
                    `From: Jürgen Möller <${from}>\nTo: support@example.test\nSubject: Größe der Kanne\nMessage-ID: <broken-8bit@customer.test>\nDate: Sun, 30 Nov 2025 15:03:00 +0100\n\nWie viel fasst die Milchkanne? Größe steht nicht dabei.\n`,
                ),
                'iso-8859-1',
            ),
        ),
        mail('truncated attachment', 'Gravur', head =>
            raw(
                [...head('Gravur'), 'Content-Type: multipart/mixed; boundary="cut"'],
                '--cut\nContent-Type: text/plain; charset=utf-8\n\nMachen Sie auch eine Gravur? Vorlage hängt an.\n--cut\nContent-Type: image/png; name="vorlage.png"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="vorlage.png"\n\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\nAAAADUlEQVR42mNk+M9',
            ),
        ),
        mail('NUL bytes', 'Tortenplatte', head =>
            raw(
                [
                    ...head('Platte'),
                    'Content-Type: text/plain; charset=utf-8',
                    'Content-Transfer-Encoding: 8bit',
                ],
                'Hello,\n\nis the \0\0cake\0 stand, the Tortenplatte, still made?\n\0\0\0\n',
            ),
        ),
        mail(
            '100 levels',
            'Matrjoschkas',
            head => {
                const [type, ...body] = nested(100).split('\n')
                return raw([...head('Puppen'), type], body.slice(1).join('\n'))
            },
            false,
        ),
        mail('bad quoted-printable', 'Servietten', head =>
            raw(
                [
                    ...head('Servietten'),
                    'Content-Type: text/plain; charset=utf-8',
                    'Content-Transfer-Encoding: quoted-printable',
                ],
                'Avez-vous des Servietten assorties =ZZ =C3 =\n\n=E9=\n',
            ),
        ),
        mail('bad encoded words', 'Kerzenst', (_, from) =>
            raw(
                [
                    `From: =?utf-8?Q?J=C3?= =?x-no?B?!!!?= <${from}>`,
                    'To: support@example.test',
                    'Subject: =?utf-8?B?S2VyemU?= =?utf-8?Q?=FF=FE?=',
                    'Message-ID: <broken-words@customer.test>',
                    'Date: not a date at all',
                    'Content-Type: text/plain; charset=utf-8',
                ],
                'Moien, hutt dir och e Kerzenständer?\n',
            ),
        ),
        mail('no Message-ID, two From, no Date', 'Garnfarbe', (_, from) =>
            raw(
                [
                    `From: ${from}`,
                    `From: "Somebody Else" <${from}>`,
                    'To: support@example.test',
                    'Subject: Garn',
                    'Subject: Faden',
                ],
                'Welche Garnfarbe hat die Naht der Schürze?\n',
            ),
        ),
        mail(
            'empty boundary, unknown encoding',
            'Kuchengabel',
            head =>
                raw(
                    [
                        ...head('Gabeln'),
                        'Content-Type: multipart/mixed; boundary=""',
                        'Content-Transfer-Encoding: x-smoke-signals',
                    ],
                    'I am missing one Kuchengabel out of six.\n',
                ),
            false,
        ),
        mail(
            'noise',
            'NOISE-7f3a',
            () => {
                const bytes = Buffer.alloc(6000)
                for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256)
                for (let i = 120; i < bytes.length; i += 120) bytes.write('\r\n', i, 'latin1')
                bytes.write('\x80\xff NOISE-7f3a \xfe', 0, 'latin1')
                return bytes
            },
            false,
        ),
    ]
}
