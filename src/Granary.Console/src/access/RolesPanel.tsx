import { useState } from 'preact/hooks';
import { parse, prefixEnd, toBase64 } from '../api/bytes';
import type { Permission } from '../api/types';
import { Confirm } from '../ui/Dialog';
import { FormDialog } from '../ui/FormDialog';
import { perform } from '../ui/perform';
import { rootRole, typeOf, wordsOf, type Role } from './permissions';

type Asked = { what: 'add' } | { what: 'grant' | 'delete'; role: Role } | { what: 'revoke'; role: Role; permission: Permission };

const aboutOne = 'the key alone';
const aboutPrefix = 'all keys with this prefix';
const aboutOnwards = 'all keys from it on';

/** The key and the end of a permission, as a person has said it. */
function keysOf(written: string, about: string): { key: string; range_end?: string } {
  const key = parse(written);
  const start = toBase64(key === '' ? '\0' : key);
  return about === aboutOne ? { key: toBase64(key) }
    : about === aboutPrefix ? { key: start, range_end: toBase64(prefixEnd(key)) }
    : { key: start, range_end: toBase64('\0') };
}

interface RolesPanelProps {
  roles: Role[];
  canEdit: boolean;
  onChanged: () => void;
}

export function RolesPanel({ roles, canEdit, onChanged }: RolesPanelProps) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = (): void => setAsked(null);
  const send = (path: string, request: object, said: string): Promise<void> => perform(path, request, said, onChanged);
  return (
    <section aria-labelledby="roles">
      <div class="bar">
        <h3 id="roles">Roles</h3>
        {canEdit && (
          <button type="button" class="small" onClick={() => setAsked({ what: 'add' })}>
            Add role
          </button>
        )}
      </div>
      {roles.length === 0 && <p class="quiet">There are no roles.</p>}
      <ul class="list">
        {roles.map((role) => (
          <li key={role.name}>
            <strong>
              <bdi>{role.name}</bdi>
            </strong>
            {role.name === rootRole && <span class="quiet">may do everything</span>}
            {role.permissions.map((permission, index) => (
              <span key={index} class="chip">
                {typeOf(permission).toLowerCase()} <bdi>{wordsOf(permission)}</bdi>
                {canEdit && (
                  <button
                    type="button"
                    class="plain"
                    aria-label={`Take from ${role.name}: ${wordsOf(permission)}`}
                    onClick={() => setAsked({ what: 'revoke', role, permission })}
                  >
                    ✕
                  </button>
                )}
              </span>
            ))}
            {canEdit && (
              <>
                <span class="spread" />
                {role.name !== rootRole && (
                  <button type="button" class="small" onClick={() => setAsked({ what: 'grant', role })}>
                    Permit
                  </button>
                )}
                <button type="button" class="small danger" aria-label={`Delete the role ${role.name}`} onClick={() => setAsked({ what: 'delete', role })}>
                  Delete
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
      {asked?.what === 'add' && (
        <FormDialog
          title="Add a role"
          action="Add"
          fields={[{ name: 'name', label: 'Name' }]}
          onClose={close}
          onSubmit={({ name }) => send('/v3/auth/role/add', { name }, 'Added')}
        />
      )}
      {asked?.what === 'grant' && (
        <FormDialog
          title={<>What may <bdi>{asked.role.name}</bdi> do?</>}
          action="Permit"
          fields={[
            { name: 'type', label: 'Permission', options: ['READ', 'WRITE', 'READWRITE'] },
            { name: 'key', label: 'Key', isOptional: true },
            { name: 'about', label: 'It is about', options: [aboutPrefix, aboutOne, aboutOnwards] },
          ]}
          onClose={close}
          onSubmit={({ type, key, about }) =>
            send('/v3/auth/role/grant', { name: asked.role.name, perm: { permType: type, ...keysOf(key!, about!) } }, 'Permitted')
          }
        />
      )}
      {asked?.what === 'revoke' && (
        <Confirm
          title={<>Take a permission from <bdi>{asked.role.name}</bdi>?</>}
          action="Take"
          onClose={close}
          onConfirm={() =>
            send('/v3/auth/role/revoke', { role: asked.role.name, key: asked.permission.key, range_end: asked.permission.range_end }, 'The permission is taken')
          }
        >
          {typeOf(asked.permission).toLowerCase()} of <bdi>{wordsOf(asked.permission)}</bdi>
        </Confirm>
      )}
      {asked?.what === 'delete' && (
        <Confirm
          title={<>Delete the role <bdi>{asked.role.name}</bdi>?</>}
          action="Delete"
          onClose={close}
          onConfirm={() => send('/v3/auth/role/delete', { role: asked.role.name }, 'Deleted')}
        >
          Whoever has it loses what it permits.
        </Confirm>
      )}
    </section>
  );
}
