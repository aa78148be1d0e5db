/* What the tests of the API work on: two brands, people with each role, an incident with people on a public
 * network and by mail, conversations that belong to none. Written by SQL, as the collectors and the core
 * would have. Ids are fixed; the sequences go on above them. */

export const PASSWORD = 'correct horse battery staple'

export const sql = `
insert into brand (id, slug, name, undo_ms, undo_reply_ms) values (1, 'acme', 'Acme', 60000, 60000), (2, 'other', 'Other', 60000, 60000);
insert into channel (brand_id, id, kind, name, address) values
    (1, 1, 'mastodon', 'Acme', '@acme@sand.example'), (1, 2, 'email', 'Support', 'support@acme.example'),
    (1, 3, 'email', 'Old mailbox', 'old@acme.example'), (2, 4, 'email', 'Theirs', 'x@other.example');
update channel set paused = true where id = 3;
insert into channel_state (brand_id, channel_id, state, polled_at) values (1, 1, 'ok', now());

-- people 1 to 30 on Mastodon, 31 to 40 by mail, 41 by mail on the paused channel, 42 an automatic mail: all in incident 7
-- 51 to 53: conversations of their own; 61: the other brand
insert into author (brand_id, id, network, external_id, handle, name, person_id)
select case when n > 60 then 2 else 1 end, n, case when n <= 30 then 'mastodon' else 'email' end, 'a' || n,
    case when n <= 30 then '@user' || n || '@sand.example' else 'user' || n || '@mail.example' end,
    case when n = 1 then '<b>Jana</b> & Co' else 'Person ' || n end, n
from generate_series(1, 61) n where n <= 42 or n between 51 and 53 or n = 61;
insert into conversation (brand_id, id, channel_id, author_id, thread)
select brand_id, id, case when id <= 30 then 1 when id = 41 then 3 when id = 61 then 4 else 2 end, id, 't' || id from author;
insert into message (brand_id, id, channel_id, conversation_id, author_id, external_id, inbound, automatic, visibility, network, lang, subject, body, sent_at)
select c.brand_id, c.id, c.channel_id, c.id, c.author_id, 'm' || c.id, true, case when c.id = 42 then 'auto-replied' end,
    case when c.id <= 30 then 'public' else 'direct' end, a.network, null, case when a.network = 'email' then 'Karte' end,
    case when c.id = 1 then '<script>alert(1)</script> Karte geht nicht' else 'Karte wird abgelehnt ' || c.id end, now() - interval '1 hour' + c.id * interval '1 second'
from conversation c join author a on a.brand_id = c.brand_id and a.id = c.author_id;
insert into incident (brand_id, id, title, phase, opened_by, people, messages, langs, first_at, last_at, opened_at)
    values (1, 7, 'karte · abgelehnt', 'suspected', 'core', 42, 42, '{de,en}', now() - interval '1 hour', now(), now()),
           (1, 8, 'login', 'suspected', 'core', 0, 0, '{}', now() - interval '1 hour', now(), now());
insert into incident_event (brand_id, incident_id, at, kind, text) values (1, 7, now(), 'suspected', '42 people');
insert into cluster (brand_id, id, incident_id, terms, people, messages, first_at, last_at)
    values (1, 12, 7, '{karte,abgelehnt}', 42, 42, now() - interval '1 hour', now());
insert into assignment (brand_id, message_id, seq, complaint, is_complaint, lang, is_repeat, cluster_id, confidence)
    select brand_id, id, id, 0.9, true, 'de', false, case when id <= 42 then 12 end, 0.94 from message;
insert into inbox (brand_id, conversation_id, channel_id, person_id, state, triage, incident_id, visibility, network, name, handle, subject, snippet, lang, waiting_since, last_at, last_message_id)
select m.brand_id, m.conversation_id, m.channel_id, m.author_id, 'waiting', case when m.id = 53 then 'other' when m.id = 42 then 'automatic' else 'complaint' end,
    case when m.id <= 42 then 7 end, m.visibility, m.network, a.name, a.handle, m.subject, m.body,
    case when m.id <= 20 then 'de' when m.id <= 30 then 'en' when m.id = 31 then 'lb' else 'de' end, m.sent_at, m.sent_at, m.id
from message m join author a on a.brand_id = m.brand_id and a.id = m.author_id;
insert into member (brand_id, incident_id, person_id, conversation_id, message_id, channel_id, visibility, lang, first_at, last_at)
select brand_id, 7, person_id, conversation_id, last_message_id, channel_id, visibility, lang, waiting_since, last_at from inbox where incident_id = 7;
insert into volume (brand_id, kind, key, bucket, people, messages)
select 1, 'all', 0, to_timestamp(floor(extract(epoch from now()) / 300) * 300) - n * interval '5 min', 2 + n % 3, 4 from generate_series(1, 288 * 16) n;
insert into quarantine (brand_id, id, channel_id, external_id, reason, raw, size)
    values (1, 5, 2, 'uid:9', 'no header at all', 'broken bytes'::bytea, 12), (1, 6, 2, 'uid:10', 'no header at all', '<html>'::bytea, 6);
select setval(pg_get_serial_sequence(t, 'id'), 10000) from unnest(array['author', 'conversation', 'message', 'incident', 'quarantine', 'channel', 'brand']) t;
`

/* 20 people in the step before the last, 10 in the last, none yet in this one. */
export const wave = `delete from volume where kind = 'incident';
insert into volume (brand_id, kind, key, bucket, people, messages)
select 1, 'incident', 7, to_timestamp(floor(extract(epoch from now()) / 300) * 300) - n * interval '5 min', 10 * n, 10 from generate_series(0, 2) n;`
