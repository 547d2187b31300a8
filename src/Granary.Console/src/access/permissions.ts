import { fromBase64, show, type Bytes } from '../api/bytes';
import { call } from '../api/client';
import { covers, merged, prefixSpan, spanOf, type Span } from '../api/spans';
import type { Permission } from '../api/types';

export const rootRole = 'root';

export interface Role {
  name: string;
  permissions: Permission[];
}

export interface User {
  name: string;
  roles: string[];
}

export async function user(name: string, signal?: AbortSignal): Promise<User> {
  const { roles } = await call<{ roles?: string[] }>('/v3/auth/user/get', { name }, signal);
  return { name, roles: roles ?? [] };
}

export async function role(name: string, signal?: AbortSignal): Promise<Role> {
  const { perm } = await call<{ perm?: Permission[] }>('/v3/auth/role/get', { role: name }, signal);
  return { name, permissions: perm ?? [] };
}

export const spanOfPermission = (permission: Permission): Span => spanOf(fromBase64(permission.key), fromBase64(permission.range_end));

// What has its default is left out of the JSON, and that of the type is READ.
export const typeOf = ({ permType }: Permission): string => permType ?? 'READ';

const allows = (permission: Permission, type: 'READ' | 'WRITE'): boolean => typeOf(permission) === type || typeOf(permission) === 'READWRITE';

/** The keys that whoever has signed in may read: what they may not is not asked for. */
export async function readableSpans(name: string | null): Promise<Span[]> {
  const everything = [prefixSpan('')];
  if (name === null) {
    return everything;
  }
  const { roles } = await user(name);
  if (roles.includes(rootRole)) {
    return everything;
  }
  const found = await Promise.all(roles.map((one) => role(one)));
  return merged(found.flatMap(({ permissions }) => permissions.filter((one) => allows(one, 'READ')).map(spanOfPermission)));
}

/** By which of their roles' permissions somebody may read or write a key; null if they may not. */
export function grantOf(roles: Role[], key: Bytes, type: 'READ' | 'WRITE'): string | null {
  if (roles.some(({ name }) => name === rootRole)) {
    return 'the role root, which may do everything';
  }
  const wanted = spanOf(key, '');
  for (const { name, permissions } of roles) {
    const permission = permissions.find((one) => allows(one, type) && covers(spanOfPermission(one), wanted));
    if (permission) {
      return `the role ${name}: ${typeOf(permission).toLowerCase()} of ${wordsOf(permission)}`;
    }
  }
  return null;
}

/** Which keys a permission is about, as one says it. */
export function wordsOf(permission: Permission): string {
  const { start, end } = spanOfPermission(permission);
  const prefix = prefixSpan(start);
  return end === `${start}\0` ? `the key ${show(start)}`
    : start === '' && end === null ? 'all keys'
    : prefix.end === end && start !== '' ? `the prefix ${show(start)}`
    : end === null ? `all keys from ${show(start)} on`
    : `the keys from ${show(start)} to before ${show(end)}`;
}
