import { call } from '../api/client';
import { announce } from './Announcer';

/** Has the server do something, says that it is done, and has what is shown asked for anew. */
export async function perform(path: string, request: object, said: string, onDone: () => void): Promise<void> {
  await call(path, request);
  announce(said);
  onDone();
}
