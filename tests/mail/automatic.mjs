/* Twenty mails that no person wrote. Several quote a complaint or speak of payments on purpose: what a machine
 * sends must not be answered, whatever it says. */
import { crlf, message, multipart, part, textPart } from './mime.mjs'

const outOfOffice = {
    de: [
        'Automatische Antwort: Kartenzahlung geht nicht',
        'Guten Tag,\n\nich bin bis zum 8. Dezember nicht im Büro. Ihre E-Mail wird nicht weitergeleitet.\n\nIhre Nachricht:\n> Die Kartenzahlung geht nicht.\n',
    ],
    en: [
        'Out of office: Re: Card payment not working',
        'Hello,\n\nthank you for your message. I am out of the office until 8 December with no access to email.\n',
    ],
    fr: [
        'Absence du bureau',
        "Bonjour,\n\nje suis absente jusqu'au 8 décembre. En cas d'urgence, merci d'appeler le standard.\n",
    ],
    lb: [
        'Ofwiesenheetsnotiz',
        'Moien,\n\nech sinn bis den 8. Dezember net do. Äre Mail gëtt net weidergeleet.\n',
    ],
}

function deliveryReport(id, action, status, text, original) {
    const report = `Reporting-MTA: dns; mail.customer.test\nArrival-Date: Sun, 30 Nov 2025 15:02:11 +0100\n\nFinal-Recipient: rfc822; nobody${id}@customer.test\nAction: ${action}\nStatus: ${status}\nDiagnostic-Code: smtp; ${status === '4.4.1' ? '421 try again later' : '550 5.1.1 user unknown'}\n`
    return multipart(
        'report',
        `report${id}`,
        [
            textPart(text, { encoding: '7bit', charset: 'us-ascii' }),
            part('message/delivery-status', Buffer.from(crlf(report)), '7bit'),
            part('message/rfc822', Buffer.from(crlf(original)), '7bit'),
        ],
        '; report-type=delivery-status',
    )
}

function receipt(id, text, address) {
    const report = `Reporting-UA: client.test; Mail 4.2\nFinal-Recipient: rfc822; ${address}\nOriginal-Message-ID: <answer${id}@example.test>\nDisposition: manual-action/MDN-sent-manually; displayed\n`
    return multipart(
        'report',
        `mdn${id}`,
        [
            textPart(text),
            part('message/disposition-notification', Buffer.from(crlf(report)), '7bit'),
        ],
        '; report-type=disposition-notification',
    )
}

const original =
    'From: support@example.test\nTo: nobody@customer.test\nSubject: Re: Kartenzahlung geht nicht\nMessage-ID: <answer0@example.test>\nX-Breakwater-Id: 1/1\n\nWir arbeiten daran: die Kartenzahlung geht gerade nicht.\n'

/* `headers(from, name, subject)` gives the usual lines, `senders` are seven addresses. */
export function automatic(headers, senders) {
    const [a, b, c, d, e, f, g] = senders
    const daemon = 'MAILER-DAEMON@customer.test'
    const reply = (kind, from, lang, extra) => {
        const [subject, text] = outOfOffice[lang]
        return {
            kind,
            from,
            envelopeFrom: '',
            lang,
            raw: message([...headers(from, '', subject), ...extra], textPart(text)),
        }
    }
    const other = (kind, from, envelopeFrom, lang, name, subject, extra, content) => {
        return {
            kind,
            from,
            envelopeFrom,
            lang,
            raw: message([...headers(from, name, subject), ...extra], content),
        }
    }
    const acted = `BEGIN:VCALENDAR\nMETHOD:REPLY\nVERSION:2.0\nBEGIN:VEVENT\nUID:tasting-1\nDTSTAMP:20251130T140000Z\nATTENDEE;PARTSTAT=ACCEPTED:mailto:${f}\nEND:VEVENT\nEND:VCALENDAR\n`
    return [
        reply('out-of-office', a, 'de', ['Auto-Submitted: auto-replied']),
        reply('out-of-office', b, 'en', [
            'Auto-Submitted: auto-replied (vacation)',
            'Precedence: bulk',
        ]),
        reply('out-of-office', c, 'fr', [
            'Auto-Submitted: auto-replied',
            'X-Auto-Response-Suppress: All',
        ]),
        reply('out-of-office', d, 'lb', [
            'auto-submitted: AUTO-REPLIED; owner-email="d@customer.test"',
        ]),
        { ...reply('vacation', e, 'de', ['X-Autoreply: yes']), envelopeFrom: e },
        { ...reply('vacation', f, 'en', ['X-Autorespond: Out of office']), envelopeFrom: f },
        { ...reply('vacation', g, 'fr', ['Precedence: auto_reply']), envelopeFrom: g },
        other(
            'bounce',
            daemon,
            '',
            'en',
            'Mail Delivery System',
            'Undelivered Mail Returned to Sender',
            ['Auto-Submitted: auto-replied'],
            deliveryReport(
                1,
                'failed',
                '5.1.1',
                'I am sorry to inform you that your message could not be delivered.\n',
                original,
            ),
        ),
        other(
            'bounce',
            daemon,
            '',
            'de',
            '',
            'Unzustellbar: Kartenzahlung geht nicht',
            [],
            deliveryReport(
                2,
                'failed',
                '5.1.1',
                'Ihre Nachricht hat die Empfaenger nicht erreicht.\n',
                original,
            ),
        ),
        other(
            'bounce',
            daemon,
            '',
            'en',
            'Mail Delivery Subsystem',
            'Delayed Mail (still being retried)',
            ['Auto-Submitted: auto-replied'],
            deliveryReport(
                3,
                'delayed',
                '4.4.1',
                'Your message has not been delivered yet. You do not need to resend it.\n',
                original,
            ),
        ),
        other(
            'bounce',
            'postmaster@customer.test',
            '',
            'fr',
            '',
            'Notification de non remise',
            ['X-Failed-Recipients: nobody@customer.test'],
            textPart(
                "Votre message n'a pas pu être remis : utilisateur inconnu.\n\n----- Message d'origine -----\nLe paiement par carte ne marche pas.\n",
            ),
        ),
        other(
            'bounce',
            daemon,
            '',
            'en',
            '',
            'failure notice',
            [],
            textPart(
                `Hi. This is the mail program at customer.test.\nI'm afraid I wasn't able to deliver your message.\n<nobody@customer.test>: no mailbox here by that name.\n\n--- Below this line is a copy of the message.\n\n${original}`,
            ),
        ),
        other(
            'receipt',
            a,
            '',
            'de',
            'Anja Thiel',
            'Gelesen: Ihre Bestellung',
            [],
            receipt(1, 'Ihre Nachricht wurde am 30.11.2025 gelesen.\n', a),
        ),
        other(
            'receipt',
            b,
            '',
            'en',
            'Brian Marsh',
            'Read: your order',
            ['Auto-Submitted: auto-replied'],
            receipt(2, 'Your message was displayed on the screen.\n', b),
        ),
        other(
            'list',
            c,
            c,
            'en',
            'Shopkeepers',
            '[shopkeepers] card payments down for anyone else?',
            [
                'List-Id: Shopkeepers <shopkeepers.lists.test>',
                'List-Post: <mailto:shopkeepers@lists.test>',
                'Precedence: list',
            ],
            textPart(
                'Hi all,\n\nis the card payment of your shop down as well? Ours declines every card since three.\n\n_______\nshopkeepers mailing list\n',
            ),
        ),
        other(
            'newsletter',
            d,
            d,
            'de',
            'Kassensysteme Aktuell',
            'Nie wieder abgelehnte Karten: 5 Tipps',
            [
                'List-Id: <aktuell.kassen.test>',
                'List-Unsubscribe: <mailto:raus@kassen.test>',
                'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
                'Precedence: bulk',
            ],
            textPart(
                '<html><body><h1>Kartenzahlung abgelehnt?</h1><p>Mit unserem neuen Terminal passiert Ihnen das nicht.</p><p><a href="https://kassen.test/raus">Abmelden</a></p></body></html>',
                { subtype: 'html' },
            ),
        ),
        other(
            'newsletter',
            e,
            e,
            'fr',
            'Emballages du Nord',
            'Soldes : cartons -30 %',
            ['List-Unsubscribe: <https://emballages.test/stop>', 'Precedence: bulk'],
            textPart('Bonjour,\n\nprofitez de -30 % sur tous les cartons.\n'),
        ),
        other(
            'ticket',
            f,
            f,
            'en',
            'Parcel Support',
            '[#48213] We have received your request',
            ['Auto-Submitted: auto-generated', 'X-Auto-Response-Suppress: OOF, AutoReply'],
            textPart(
                'Your request has been received and a ticket has been opened. Please do not reply to this email.\n',
            ),
        ),
        other(
            'calendar',
            f,
            f,
            'de',
            'Frank Blum',
            'Zugesagt: Teeverkostung',
            ['Auto-Submitted: auto-generated'],
            part('text/calendar; charset=utf-8; method=REPLY', Buffer.from(crlf(acted)), '7bit'),
        ),
        other(
            'machine',
            g,
            g,
            'en',
            'Cron Daemon',
            'Cron <root@kasse> backup.sh',
            ['Auto-Submitted: auto-generated', 'X-Cron-Env: <SHELL=/bin/sh>'],
            textPart('backup.sh: payment export failed: card terminal not reachable\n'),
        ),
    ]
}
