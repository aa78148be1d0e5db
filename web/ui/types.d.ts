/* The shapes of docs/api.md, for the type check of the browser code. Nothing of this runs. */

export type Id = string;
export type Time = string;
export type Role = "reader" | "agent" | "comms" | "supervisor" | "ops" | "admin";
export type Phase = "suspected" | "investigating" | "identified" | "monitoring" | "resolved" | "dismissed";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Session {
  user: { id: Id; name: string; email: string; initials: string };
  csrf: string;
  brands: { slug: string; name: string; demo: boolean; roles: Role[] }[];
}

export interface ChannelRef {
  id: Id;
  kind: string;
  name: string;
}

export interface Channel extends ChannelRef {
  address: string | null;
  state: "ok" | "waiting" | "failing" | "stopped" | "paused";
  polled_at: Time | null;
  error: string | null;
  waiting_to_send: number;
}

export interface Overview {
  brand: { slug: string; name: string; demo: boolean };
  views: Record<string, number>;
  unsorted: number;
  spike: { since: Time; people: number; normal: number } | null;
  channels: Channel[];
}

export interface ChartData {
  step_s: number;
  from: Time;
  all: (number | null)[];
  incident?: (number | null)[];
  low: (number | null)[];
  mid: (number | null)[];
  high: (number | null)[];
  marks: { at: Time; kind: string; text: string }[];
}

export interface IncidentRow {
  id: Id;
  title: string;
  phase: Phase;
  people: number;
  told: number;
  waiting: number;
  messages: number;
  new_since_told: number;
  since: Time;
  last_at: Time;
  langs: string[];
  samples: string[];
  spark: number[];
  version: number;
  merged_into?: Id | null;
}

export interface Incident extends IncidentRow {
  opened_by: string;
  now: { per_5min: number; normal: number | null; normal_for: string | null };
  oldest_waiting_at: Time | null;
  terms: string[];
  clusters: { id: Id; people: number; since: Time; terms: string[] }[];
  sample_messages: {
    message: Id;
    conversation: Id;
    person: Id;
    author: string | null;
    text: string;
    lang: string | null;
    confidence: number | null;
    at: Time;
    permalink: string | null;
  }[];
  drafts: Record<string, string>;
  draft_saved_at: Time | null;
  fields: Record<string, string>;
  timeline: { at: Time; kind: string; who: string | null; text: string }[];
  updates: Update[];
}

export interface Update {
  id: Id;
  incident?: Id;
  at: Time;
  by: string | null;
  texts: Record<string, string>;
  fields?: Record<string, string>;
  recipients: number;
  state: "pending" | "sending" | "stopped" | "done";
  send_at: Time;
  sent: number;
  queued: number;
  failed: number;
  skipped: number;
  unknown: number;
}

export interface Member {
  person: Id;
  name: string | null;
  handle: string | null;
  channel: ChannelRef;
  lang: string | null;
  messages: number;
  last_at: Time;
  text: string | null;
  conversation: Id;
  told_at: Time | null;
}

export interface Preview {
  as_of?: Time;
  recipients: number;
  blocked: string[];
  channels: {
    channel: ChannelRef;
    visibility: string;
    people: number;
    longest: number;
    limit: number | null;
    unit: string;
    too_long: number;
    sample: string;
    langs: Record<string, number>;
  }[];
  skipped: { reason: string; people: number }[];
  languages: { lang: string; people: number; text: string | null }[];
}

export interface Delivery {
  id: Id;
  state: "queued" | "sending" | "sent" | "failed" | "skipped" | "unknown";
  reason: string | null;
  person: Id | null;
  name: string | null;
  channel: ChannelRef;
  visibility: string;
  body: string;
  lang: string | null;
  send_at?: Time | null;
  sent_at: Time | null;
  permalink: string | null;
  conversation: Id | null;
  attempts: number;
}

export interface ConversationRow {
  id: Id;
  state: string;
  triage: string | null;
  name: string | null;
  handle: string | null;
  channel: ChannelRef;
  visibility: string;
  subject: string | null;
  text: string;
  lang: string | null;
  waiting_since: Time | null;
  last_at: Time;
  messages: number;
  incident: { id: Id; title: string } | null;
  claimed: { user: string; mine: boolean; until: Time } | null;
  version: number;
}

export interface HistoryMessage {
  id: Id;
  inbound: boolean;
  author: string | null;
  text: string;
  subject: string | null;
  at: Time;
  received_at: Time | null;
  permalink: string | null;
  visibility: string;
  lang: string | null;
  complaint: number | null;
  rest?: string | null;
}

export interface Conversation extends ConversationRow {
  person: { id: Id; name: string | null; authors: { network: string; handle: string | null; name: string | null }[] };
  history: HistoryMessage[];
  limit: { kind: string; limit: number | null; unit: string };
  can_reply: boolean;
  draft: string | null;
  pending: Delivery[];
}

export interface Quarantined {
  id: Id;
  channel: ChannelRef;
  reason: string;
  size: number;
  at: Time;
  external_id: string | null;
  attempts: number;
}

/** Where the page stands: one of the paths the inbox knows. */
export interface Route {
  page: "home" | "sign-in" | "first" | "inbox" | "list" | "incident" | "people" | "conversation" | "deliveries" | "channels" | "quarantine" | "volume" | "lost";
  brand: string;
  id: Id;
  view: string;
  query: URLSearchParams;
}

export interface Resource<T> {
  path: string;
  topics: string[];
  /** ms between two readings; until `due` a change only waits. */
  pause: number;
  due: number;
  data: import("/lib/signals.module.js").Signal<T | null>;
  error: import("/lib/signals.module.js").Signal<import("./api.js").ApiError | null>;
  loading: import("/lib/signals.module.js").Signal<boolean>;
  users: number;
  again: boolean;
}
