import { useState } from 'preact/hooks';
import { session, signIn } from '../api/client';
import { announce } from '../ui/Announcer';
import { Dialog, Failure, useAction } from '../ui/Dialog';

/** Asks who is there when the server does. The token that it gives stays in the page's memory. */
export function SignInDialog() {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const { run, isBusy, error } = useAction(async () => {
    await signIn(name, password);
    announce(`Signed in as ${name}`);
  });
  return (
    <Dialog title="Sign in" onClose={() => session.set({ ...session.value, isAnswering: false })}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <p>This server wants to know who is there.</p>
        <label class="field">
          <span>User</span>
          <input value={name} autocomplete="username" required onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>Password</span>
          <input type="password" value={password} autocomplete="current-password" onInput={(event) => setPassword(event.currentTarget.value)} />
        </label>
        <Failure error={error} />
        {location.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(location.hostname) && (
          <p class="notice">This page came without TLS: whoever listens on the network can read the password.</p>
        )}
        <footer>
          <button type="submit" class="primary" disabled={isBusy}>
            Sign in
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
