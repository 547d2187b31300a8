import { toBase64, toText, type Bytes } from '../api/bytes';

/** A word for a POSIX shell that has exactly these bytes; null if no argument can (one has no NUL). */
export function quoted(bytes: Bytes): string | null {
  if (bytes.includes('\0')) {
    return null;
  }
  const text = toText(bytes);
  if (text !== null && !/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(text)) {
    return `'${text.replaceAll("'", `'\\''`)}'`;
  }
  // bash and zsh: three octal digits end where they end, whatever comes behind them.
  return `$'${[...bytes].map((byte) => (/[\w./:@%+=, -]/.test(byte) ? byte : `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`)).join('')}'`;
}

export interface Command {
  name: string;
  /** Null where the bytes cannot be said in it. */
  line: string | null;
}

/** What does the same from a shell. A value goes by standard input, so that it may be long, and any bytes. */
export function commandsOf(key: Bytes, value: Bytes | null, isSignedIn: boolean): Command[] {
  const word = quoted(key);
  const token = isSignedIn ? ` -H "Authorization: $TOKEN"` : '';
  const curl = (path: string, request: object): string => `curl -s '${location.origin}${path}'${token} -d '${JSON.stringify(request)}'`;
  const user = isSignedIn ? ' --user "$NAME"' : '';
  const etcdctl = `etcdctl --endpoints '${location.origin}'${user}`;
  const base64 = toBase64(key);
  const commands: Command[] = [
    { name: 'etcdctl get', line: word && `${etcdctl} get -- ${word}` },
    { name: 'curl get', line: curl('/v3/kv/range', { key: base64 }) },
  ];
  if (value !== null) {
    commands.push(
      { name: 'etcdctl put', line: word && `printf %s '${toBase64(value)}' | base64 -d | ${etcdctl} put -- ${word}` },
      { name: 'curl put', line: curl('/v3/kv/put', { key: base64, value: toBase64(value) }) },
    );
  }
  return commands;
}
