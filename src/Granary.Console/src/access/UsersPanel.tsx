import { useState } from 'preact/hooks';
import { session } from '../api/client';
import { Confirm } from '../ui/Dialog';
import { FormDialog } from '../ui/FormDialog';
import { perform } from '../ui/perform';
import type { Role, User } from './permissions';

type Asked = { what: 'add' } | { what: 'password' | 'delete' | 'grant'; user: User } | { what: 'revoke'; user: User; role: string };

interface UsersPanelProps {
  users: User[];
  roles: Role[];
  canEdit: boolean;
  onChanged: () => void;
}

export function UsersPanel({ users, roles, canEdit, onChanged }: UsersPanelProps) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = (): void => setAsked(null);
  const send = (path: string, request: object, said: string): Promise<void> => perform(path, request, said, onChanged);
  return (
    <section aria-labelledby="users">
      <div class="bar">
        <h3 id="users">Users</h3>
        {canEdit && (
          <button type="button" class="small" onClick={() => setAsked({ what: 'add' })}>
            Add user
          </button>
        )}
      </div>
      {users.length === 0 && <p class="quiet">There are no users.</p>}
      <ul class="list">
        {users.map((user) => (
          <li key={user.name}>
            <strong>
              <bdi>{user.name}</bdi>
            </strong>
            {user.name === session.value.user && <span class="badge">you</span>}
            {user.roles.map((role) => (
              <span key={role} class="chip">
                <bdi>{role}</bdi>
                {canEdit && (
                  <button type="button" class="plain" aria-label={`Take the role ${role} from ${user.name}`} onClick={() => setAsked({ what: 'revoke', user, role })}>
                    ✕
                  </button>
                )}
              </span>
            ))}
            {canEdit && (
              <>
                <span class="spread" />
                {roles.some(({ name }) => !user.roles.includes(name)) && (
                  <button type="button" class="small" onClick={() => setAsked({ what: 'grant', user })}>
                    Give a role
                  </button>
                )}
                <button type="button" class="small" onClick={() => setAsked({ what: 'password', user })}>
                  Password
                </button>
                <button type="button" class="small danger" aria-label={`Delete ${user.name}`} onClick={() => setAsked({ what: 'delete', user })}>
                  Delete
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
      {asked?.what === 'add' && (
        <FormDialog
          title="Add a user"
          action="Add"
          fields={[
            { name: 'name', label: 'Name' },
            { name: 'password', label: 'Password', isPassword: true },
          ]}
          onClose={close}
          onSubmit={({ name, password }) => send('/v3/auth/user/add', { name, password }, 'Added')}
        />
      )}
      {asked?.what === 'password' && (
        <FormDialog
          title={<>Password of <bdi>{asked.user.name}</bdi></>}
          action="Set"
          fields={[{ name: 'password', label: 'New password', isPassword: true }]}
          onClose={close}
          onSubmit={({ password }) => send('/v3/auth/user/changepw', { name: asked.user.name, password }, 'The password is set')}
        />
      )}
      {asked?.what === 'grant' && (
        <FormDialog
          title={<>Give <bdi>{asked.user.name}</bdi> a role</>}
          action="Give"
          fields={[{ name: 'role', label: 'Role', options: roles.map(({ name }) => name).filter((name) => !asked.user.roles.includes(name)) }]}
          onClose={close}
          onSubmit={({ role }) => send('/v3/auth/user/grant', { user: asked.user.name, role }, 'The role is given')}
        />
      )}
      {asked?.what === 'revoke' && (
        <Confirm
          title={<>Take the role <bdi>{asked.role}</bdi> from <bdi>{asked.user.name}</bdi>?</>}
          action="Take"
          onClose={close}
          onConfirm={() => send('/v3/auth/user/revoke', { name: asked.user.name, role: asked.role }, 'The role is taken')}
        >
          What only this role permits them is refused from now on.
        </Confirm>
      )}
      {asked?.what === 'delete' && (
        <Confirm
          title={<>Delete the user <bdi>{asked.user.name}</bdi>?</>}
          action="Delete"
          onClose={close}
          onConfirm={() => send('/v3/auth/user/delete', { name: asked.user.name }, 'Deleted')}
        >
          Their tokens are not taken any more.
        </Confirm>
      )}
    </section>
  );
}
