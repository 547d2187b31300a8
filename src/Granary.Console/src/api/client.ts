import { Store } from '../ui/store';

/** What the server has refused, in its own words. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message.replace(/^(rpc error: code = \w+ desc = )?etcdserver: /, ''));
  }

  get isCompacted(): boolean {
    return this.message.includes('has been compacted');
  }

  get isDenied(): boolean {
    return this.code === 7;
  }
}

/** The server did not answer. It is asked until it does; then whoever follows the connection tries again. */
export class ConnectionError extends Error {
  constructor() {
    super('The server does not answer.');
  }
}

export interface Session {
  /** Who has signed in; null for nobody, which is all that there is without authentication. */
  user: string | null;
  /** Whether the server has asked who is there, and nobody has said so yet. */
  isAsked: boolean;
  /** Whether the dialog for it is to be seen. */
  isAnswering: boolean;
}

export interface Settings {
  readOnly: boolean;
  version: string;
}

export const isLost = new Store(false);
export const session = new Store<Session>({ user: null, isAsked: false, isAnswering: false });
export const settings = new Store<Settings>({ readOnly: false, version: '' });

/** Grows when everything that is shown should be asked for again: the server is back, somebody else is there. */
export const epoch = new Store(0);

// In memory only: it is gone with the page.
let token: string | null = null;

export const currentToken = (): string | null => token;

const refresh = (): void => epoch.set(epoch.value + 1);

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Says that the server is away, and asks for it until it is back. */
export async function lose(): Promise<void> {
  if (isLost.value) {
    return;
  }
  isLost.set(true);
  for (let wait = 200; ; wait = Math.min(wait * 1.5, 5000)) {
    await pause(wait);
    try {
      const answer = await fetch('/version', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
      if (answer.ok) {
        break;
      }
    } catch {
      // Not yet.
    }
  }
  isLost.set(false);
  refresh();
}

const asksWhoIsThere = (error: ApiError): boolean => /user name is empty|invalid auth token|revision of auth store is old|auth revision.* is old/.test(error.message);

/** Sends a request, or asks for a resource if there is none; returns the answer once its first line is there. */
export async function send(path: string, request: object | null, signal?: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: request ? 'POST' : 'GET',
      headers: { ...(request ? { 'Content-Type': 'application/json' } : {}), ...(token === null ? {} : { Authorization: token }) },
      body: request && JSON.stringify(request),
      cache: 'no-store',
      credentials: 'omit',
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    void lose();
    throw new ConnectionError();
  }
  if (!answer.ok) {
    throw noted(await refusalOf(answer));
  }
  return answer;
}

// What the gateway says to a certificate that names a user.
const certificateRefusal = /^CommonName of client sending a request against gateway/;

async function refusalOf(answer: Response): Promise<ApiError> {
  const body = await answer.text();
  try {
    const { message, code } = JSON.parse(body) as { message: string; code: number };
    return new ApiError(message, code);
  } catch {
    if (certificateRefusal.test(body)) {
      return new ApiError(
        'The client certificate of this browser has a common name (CN). Calls of the console are not let in with one, as with etcd. Open the console with a certificate without a common name, or with none, and sign in with name and password.',
        3,
      );
    }
    return new ApiError(body.trim() || `${answer.status} ${answer.statusText}`, 2);
  }
}

/** Asks who is there if that is what the server wants to know. */
export function noted(error: ApiError): ApiError {
  if (asksWhoIsThere(error)) {
    token = null;
    session.set({ user: null, isAsked: true, isAnswering: true });
  }
  return error;
}

export async function call<T>(path: string, request: object | null = {}, signal?: AbortSignal): Promise<T> {
  const answer = await send(path, request, signal);
  try {
    return (await answer.json()) as T;
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    void lose();
    throw new ConnectionError();
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  const { token: given } = await call<{ token: string }>('/v3/auth/authenticate', { name, password });
  token = given;
  session.set({ user: name, isAsked: false, isAnswering: false });
  refresh();
}

export function signOut(): void {
  token = null;
  session.set({ user: null, isAsked: false, isAnswering: false });
  refresh();
}

export async function loadSettings(): Promise<void> {
  const answer = await fetch('settings.json', { cache: 'no-store' });
  settings.set((await answer.json()) as Settings);
}
