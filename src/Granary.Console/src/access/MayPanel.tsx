import { useState } from 'preact/hooks';
import { parse } from '../api/bytes';
import { grantOf, type Role, type User } from './permissions';

/** "What may this user do with this key?", answered from the roles that are shown. */
export function MayPanel({ users, roles }: { users: User[]; roles: Role[] }) {
  const [chosen, setChosen] = useState('');
  const [key, setKey] = useState('');
  const user = users.find(({ name }) => name === chosen) ?? users[0];
  if (!user) {
    return null;
  }
  const theirs = roles.filter(({ name }) => user.roles.includes(name));
  const name = parse(key);
  return (
    <section class="card" aria-labelledby="may">
      <h3 id="may">What may this user do with this key?</h3>
      <div class="toolbar">
        <label class="pair">
          <span>User</span>
          <select value={user.name} onChange={(event) => setChosen(event.currentTarget.value)}>
            {users.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
        <label class="pair grow">
          <span>Key</span>
          <input id="search" dir="auto" value={key} spellcheck={false} autocomplete="off" onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
      </div>
      {name !== '' && (
        <ul class="answer" aria-live="polite">
          <Answer verb="read it" grant={grantOf(theirs, name, 'READ')} />
          <Answer verb="write and delete it" grant={grantOf(theirs, name, 'WRITE')} />
        </ul>
      )}
    </section>
  );
}

const Answer = ({ verb, grant }: { verb: string; grant: string | null }) => (
  <li class={grant === null ? 'no' : 'yes'}>
    {grant === null ? (
      `May not ${verb}.`
    ) : (
      <>
        May {verb}: by <bdi>{grant}</bdi>.
      </>
    )}
  </li>
);
