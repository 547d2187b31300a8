import { useState } from 'preact/hooks';
import { call, session, settings } from '../api/client';
import { Confirm, Failure } from '../ui/Dialog';
import { useLoad } from '../ui/load';
import { PageHead } from '../ui/PageHead';
import { perform } from '../ui/perform';
import { useStore } from '../ui/store';
import { MayPanel } from './MayPanel';
import { role, rootRole, user, type Role, type User } from './permissions';
import { RolesPanel } from './RolesPanel';
import { UsersPanel } from './UsersPanel';

interface Access {
  /** Null where that may not be asked. */
  isEnabled: boolean | null;
  users: User[];
  roles: Role[];
  /** Whether all of them are here, and not only one's own. */
  isAll: boolean;
}

async function everybody(signal: AbortSignal): Promise<Pick<Access, 'users' | 'roles'>> {
  const [{ users }, { roles }] = await Promise.all([
    call<{ users?: string[] }>('/v3/auth/user/list', {}, signal),
    call<{ roles?: string[] }>('/v3/auth/role/list', {}, signal),
  ]);
  return {
    users: await Promise.all((users ?? []).map((name) => user(name, signal))),
    roles: await Promise.all((roles ?? []).map((name) => role(name, signal))),
  };
}

async function load(name: string | null, signal: AbortSignal): Promise<Access> {
  if (name === null) {
    const { enabled } = await call<{ enabled?: boolean }>('/v3/auth/status', {}, signal);
    return { isEnabled: enabled ?? false, ...(await everybody(signal)), isAll: true };
  }
  const own = await user(name, signal);
  if (own.roles.includes(rootRole)) {
    return { isEnabled: true, ...(await everybody(signal)), isAll: true };
  }
  return { isEnabled: true, users: [own], roles: await Promise.all(own.roles.map((one) => role(one, signal))), isAll: false };
}

/** Users, roles, what they permit; one's own only for who is not root. */
export function AccessView() {
  const { user: name } = useStore(session);
  const { readOnly } = useStore(settings);
  const { value, error, reload } = useLoad((signal) => load(name, signal), [name]);
  const canEdit = !readOnly && value?.isAll === true;
  return (
    <div class="page">
      <PageHead title="Access" onRefresh={reload} />
      <Failure error={error} />
      {value && (
        <>
          <Switch isEnabled={value.isEnabled ?? true} canEdit={canEdit} hasRoot={value.users.some((one) => one.name === 'root' && one.roles.includes(rootRole))} onSwitched={reload} />
          {!value.isAll && <p class="notice">You see your own rights. Who has the role root sees all users and roles.</p>}
          <MayPanel users={value.users} roles={value.roles} />
          <UsersPanel users={value.users} roles={value.roles} canEdit={canEdit} onChanged={reload} />
          <RolesPanel roles={value.roles} canEdit={canEdit} onChanged={reload} />
        </>
      )}
    </div>
  );
}

interface SwitchProps {
  isEnabled: boolean;
  canEdit: boolean;
  hasRoot: boolean;
  onSwitched: () => void;
}

function Switch({ isEnabled, canEdit, hasRoot, onSwitched }: SwitchProps) {
  const [isAsking, setAsking] = useState(false);
  return (
    <p class="bar">
      {isEnabled ? 'Authentication is on: who calls has to be a user.' : 'Authentication is off: whoever reaches the server may do everything.'}
      {canEdit && (isEnabled || hasRoot) && (
        <button type="button" class="small" onClick={() => setAsking(true)}>
          {isEnabled ? 'Switch it off' : 'Switch it on'}
        </button>
      )}
      {canEdit && !isEnabled && !hasRoot && <span class="quiet">To switch it on, add the user root, and give it the role root.</span>}
      {isAsking && (
        <Confirm
          title={isEnabled ? 'Switch authentication off?' : 'Switch authentication on?'}
          action={isEnabled ? 'Switch off' : 'Switch on'}
          onClose={() => setAsking(false)}
          onConfirm={() => perform(isEnabled ? '/v3/auth/disable' : '/v3/auth/enable', {}, isEnabled ? 'Authentication is off' : 'Authentication is on', onSwitched)}
        >
          {isEnabled ? 'Then whoever reaches the server may do everything.' : 'Then all clients have to sign in, and so do you.'}
        </Confirm>
      )}
    </p>
  );
}
