import { useState } from 'preact/hooks';
import { call } from '../api/client';
import type { Status } from '../api/types';
import { bytes, duration } from '../ui/format';
import { usePolled, useSeconds } from '../ui/load';

/** How long something is at work on the store, and what the store takes up meanwhile. How much is left nobody knows. */
export function StoreProgress() {
  const [begun] = useState(() => performance.now());
  const { value } = usePolled(async (before: { first: Status; now: Status } | null, signal) => {
    const now = await call<Status>('/v3/maintenance/status', {}, signal);
    return { first: before?.first ?? now, now };
  }, 1000);
  useSeconds();
  return (
    <div class="bar" data-testid="progress">
      <progress aria-label="Work on the store" />
      <span>{duration((performance.now() - begun) / 1000)}</span>
      {value && (
        <span>
          {bytes(value.now.dbSize ?? 0)} on disk, {bytes(value.now.dbSizeInUse ?? 0)} in use
          {value.now.dbSize !== value.first.dbSize && `; ${bytes(value.first.dbSize ?? 0)} on disk at first`}
        </span>
      )}
    </div>
  );
}
