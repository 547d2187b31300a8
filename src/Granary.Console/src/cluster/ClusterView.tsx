import { useState } from 'preact/hooks';
import { ApiError, call, settings } from '../api/client';
import type { Alarm, Member, Status } from '../api/types';
import { Confirm, Failure } from '../ui/Dialog';
import { bytes, memberName, number } from '../ui/format';
import { useLoad } from '../ui/load';
import { PageHead } from '../ui/PageHead';
import { perform } from '../ui/perform';
import { link } from '../ui/route';
import { useStore } from '../ui/store';
import { Ranges } from './Ranges';
import { Upkeep } from './Upkeep';

interface Cluster {
  members: Member[];
  status: Status;
  alarms: Alarm[];
}

// Only root may ask for them.
async function alarmsIfPermitted(signal: AbortSignal): Promise<{ alarms?: Alarm[] }> {
  try {
    return await call('/v3/maintenance/alarm', { action: 'GET' }, signal);
  } catch (error) {
    if (error instanceof ApiError && error.isDenied) {
      return {};
    }
    throw error;
  }
}

/** The members of the cluster, and how the one is that the page came from: the gateway answers for that one alone. */
export function ClusterView() {
  const { value, error, reload } = useLoad(async (signal): Promise<Cluster> => {
    const [{ members }, status, { alarms }] = await Promise.all([
      call<{ members?: Member[] }>('/v3/cluster/member/list', {}, signal),
      call<Status>('/v3/maintenance/status', {}, signal),
      alarmsIfPermitted(signal),
    ]);
    return { members: members ?? [], status, alarms: alarms ?? [] };
  }, []);
  return (
    <div class="page">
      <PageHead title="Cluster" onRefresh={reload}>
        <a href={link('charts')}>Charts of the last hour</a>
      </PageHead>
      <Failure error={error} />
      {value && (
        <>
          <Alarms alarms={value.alarms} onDisarmed={reload} />
          <Members members={value.members} status={value.status} onMoved={reload} />
          <ThisServer status={value.status} />
          <Ranges />
          <Upkeep revision={value.status.header.revision} onDone={reload} />
        </>
      )}
    </div>
  );
}

function Alarms({ alarms, onDisarmed }: { alarms: Alarm[]; onDisarmed: () => void }) {
  const [disarmed, setDisarmed] = useState<Alarm | null>(null);
  const { readOnly } = useStore(settings);
  return (
    <>
      {alarms.map((alarm) => (
        <p key={`${alarm.memberID} ${alarm.alarm}`} class="failure" role="alert">
          Alarm {alarm.alarm} of member {memberName(alarm.memberID)}:{' '}
          {alarm.alarm === 'NOSPACE' ? 'only what takes no space is written.' : 'its data differs from that of the others.'}{' '}
          {!readOnly && (
            <button type="button" class="small" onClick={() => setDisarmed(alarm)}>
              Disarm
            </button>
          )}
        </p>
      ))}
      {disarmed && (
        <Confirm
          title={`Disarm ${disarmed.alarm}?`}
          action="Disarm"
          onClose={() => setDisarmed(null)}
          onConfirm={() =>
            perform('/v3/maintenance/alarm', { action: 'DEACTIVATE', memberID: disarmed.memberID, alarm: disarmed.alarm }, 'Disarmed', onDisarmed)
          }
        >
          Writes are taken again. The alarm comes back if its cause is still there.
        </Confirm>
      )}
    </>
  );
}

interface MembersProps {
  members: Member[];
  status: Status;
  onMoved: () => void;
}

function Members({ members, status, onMoved }: MembersProps) {
  const [next, setNext] = useState<Member | null>(null);
  const { readOnly } = useStore(settings);
  const here = status.header.member_id;
  const canMove = !readOnly && status.leader === here && members.length > 1;
  return (
    <section aria-labelledby="members">
      <h3 id="members">Members</h3>
      <div class="scrolled">
        <table>
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col">Id</th>
              <th scope="col">Role</th>
              <th scope="col">For clients</th>
              <th scope="col">For members</th>
              {canMove && (
                <th scope="col">
                  <span class="unseen">Move leadership</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {members.map((member) => (
              <tr key={member.ID}>
                <th scope="row">
                  {member.name || <span class="quiet">not started</span>} {member.ID === here && <span class="badge">this server</span>}
                </th>
                <td>
                  <code>{memberName(member.ID)}</code>
                </td>
                <td>{member.isLearner ? 'learner' : member.ID === status.leader ? 'leader' : 'follower'}</td>
                <td>{member.clientURLs?.join(', ')}</td>
                <td>{member.peerURLs?.join(', ')}</td>
                {canMove && (
                  <td>
                    {member.ID !== here && !member.isLearner && (
                      <button type="button" class="small" onClick={() => setNext(member)}>
                        Have it lead
                      </button>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!readOnly && members.length > 1 && status.leader !== here && <p class="quiet">Leadership is moved from the console of the member that leads.</p>}
      {next && (
        <Confirm
          title={`Have ${next.name} lead?`}
          action="Move leadership"
          onClose={() => setNext(null)}
          onConfirm={() => perform('/v3/maintenance/transfer-leadership', { targetID: next.ID }, 'Leadership has moved', onMoved)}
        >
          Writes wait for a moment, until it leads.
        </Confirm>
      )}
    </section>
  );
}

function ThisServer({ status }: { status: Status }) {
  const size = Number(status.dbSize ?? 0);
  const inUse = Number(status.dbSizeInUse ?? 0);
  const quota = Number(status.dbSizeQuota ?? 0);
  const index = BigInt(status.raftIndex ?? '0');
  const applied = BigInt(status.raftAppliedIndex ?? '0');
  const { version } = useStore(settings);
  const facts: [string, string][] = [
    ['Version', `Granary ${version}, as etcd ${status.version}`],
    ['Revision', number(status.header.revision)],
    ['Term', status.raftTerm ?? '0'],
    ['Index', number(String(index))],
    ['Applied index', number(String(applied))],
    ['Behind by', number(String(index - applied))],
    ['Database', `${bytes(size)}, ${bytes(inUse)} in use`],
    ['Quota', quota > 0 ? `${bytes(quota)}, ${((size / quota) * 100).toFixed(1)} % taken` : 'none'],
  ];
  return (
    <section aria-labelledby="here">
      <h3 id="here">This server</h3>
      <p class="quiet">The figures are of the server that this page came from. Each of the others has a console of its own.</p>
      {status.errors?.map((text) => (
        <p key={text} class="failure">
          {text}
        </p>
      ))}
      <dl class="facts wide">
        {facts.map(([name, fact]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
      {quota > 0 && <meter class="quota" min={0} max={quota} low={quota * 0.8} high={quota * 0.95} optimum={0} value={size} aria-label="Database size of the quota" />}
    </section>
  );
}
