// Messages of the API as the gateway writes them: 64-bit numbers as strings, bytes in base64, what has its default left out.

export type Int64 = string;
export type Base64 = string;

export interface Header {
  cluster_id: Int64;
  member_id: Int64;
  revision: Int64;
  raft_term: Int64;
}

export interface WireKeyValue {
  key: Base64;
  create_revision?: Int64;
  mod_revision?: Int64;
  version?: Int64;
  value?: Base64;
  lease?: Int64;
}

export interface RangeResponse {
  header: Header;
  kvs?: WireKeyValue[];
  more?: boolean;
  count?: Int64;
}

export interface TxnResponse {
  header: Header;
  succeeded?: boolean;
  responses?: { response_range?: RangeResponse }[];
}

export interface WatchEvent {
  type?: 'DELETE';
  kv: WireKeyValue;
  prev_kv?: WireKeyValue;
}

export interface WatchResponse {
  header: Header;
  created?: boolean;
  canceled?: boolean;
  compact_revision?: Int64;
  cancel_reason?: string;
  fragment?: boolean;
  events?: WatchEvent[];
}

export interface LeaseTimeToLive {
  header: Header;
  ID: Int64;
  TTL?: Int64;
  grantedTTL?: Int64;
  keys?: Base64[];
}

export interface Member {
  ID: Int64;
  name?: string;
  peerURLs?: string[];
  clientURLs?: string[];
  isLearner?: boolean;
}

export interface Alarm {
  memberID: Int64;
  alarm: 'NOSPACE' | 'CORRUPT';
}

export interface Status {
  header: Header;
  version: string;
  dbSize?: Int64;
  dbSizeInUse?: Int64;
  dbSizeQuota?: Int64;
  leader?: Int64;
  raftIndex?: Int64;
  raftTerm?: Int64;
  raftAppliedIndex?: Int64;
  errors?: string[];
  isLearner?: boolean;
}

export type PermissionType = 'READ' | 'WRITE' | 'READWRITE';

export interface Permission {
  permType?: PermissionType;
  key?: Base64;
  range_end?: Base64;
}
