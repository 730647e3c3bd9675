// One waybill: where it goes, how far it is, why it stands still, and what can be done.

import { Collapsible } from 'radix-ui';
import { memo, useRef, type ReactNode } from 'react';
import type { WaybillView } from '../../../preload/contract.ts';
import { CommandButton } from '../../components/CommandButton.tsx';
import { FileName } from '../../components/FileName.tsx';
import { Icon } from '../../components/Icon.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { useCell } from '../../cell.ts';
import { useAgent, useNow, useParts } from '../../parts.ts';
import { timeText } from '../../present/format.ts';
import {
  canCancel,
  countersOf,
  isHeld,
  isSendOnly,
  markOf,
  regionNameOf,
  stepText,
} from '../../present/waybills.ts';
import { words } from '../../words/en.ts';
import { WaybillBar } from './WaybillBar.tsx';
import { WaybillDetails } from './WaybillDetails.tsx';

export const WaybillRow = memo(function WaybillRow(props: {
  readonly waybill: WaybillView;
}): ReactNode {
  const { waybill } = props;
  const row = useRef<HTMLLIElement>(null);
  const region = useAgent((state) => regionNameOf(state.regions, waybill.regionId));
  const transfer = useAgent((state) => state.transfers[waybill.id]);
  const name = words.waybills.name(waybill.sceneName, region);
  const mark = markOf(waybill);
  const { agent } = useParts();
  // Only what arrives is measured against the clock; other rows rest.
  const at = useCell(agent.cell, (snapshot) =>
    waybill.step === 'payload-arriving' ? snapshot.at : 0,
  );
  const counters = waybill.cancelled ? [] : countersOf(waybill, transfer, at);
  return (
    <Collapsible.Root asChild onOpenChange={(isOpen) => isOpen && showWhole(row.current)}>
      <li
        ref={row}
        className="waybill"
        aria-label={name}
        data-step={waybill.step}
        data-trouble={waybill.trouble !== null}
        data-cancelled={waybill.cancelled}
      >
        <div className="waybill-head">
          <FileName name={waybill.sceneName} />
          <span className="waybill-region">
            <Icon name="arrow" />
            {region}
          </span>
          <span className="spring" />
          {!waybill.trouble && <CancelButton waybill={waybill} name={name} />}
          <Collapsible.Trigger
            className="button button-icon"
            aria-label={`${words.waybills.details}, ${name}`}
          >
            <Icon name="chevron" />
          </Collapsible.Trigger>
        </div>
        <div className="waybill-state">
          <span className="waybill-step" data-mark={mark}>
            <StateMark mark={mark} />
            {stepText(waybill)}
          </span>
          {counters.map((counter) => (
            <span key={counter} className="waybill-counter">
              {counter}
            </span>
          ))}
          {isSendOnly(waybill) && (
            <span className="waybill-counter">{words.waybills.sendOnly}</span>
          )}
        </div>
        {!waybill.cancelled && <WaybillBar waybill={waybill} transfer={transfer} />}
        <Reason waybill={waybill} region={region} />
        {waybill.trouble && !waybill.cancelled && (
          <div className="waybill-foot">
            <RetryButton waybill={waybill} name={name} />
            <CancelButton waybill={waybill} name={name} />
          </div>
        )}
        <Collapsible.Content>
          <WaybillDetails waybill={waybill} />
        </Collapsible.Content>
      </li>
    </Collapsible.Root>
  );
});

/** Details opened at the foot of the list would open out of sight. */
function showWhole(row: HTMLElement | null): void {
  requestAnimationFrame(() => {
    const room = row?.closest('.waybill-scroll')?.clientHeight ?? 0;
    row?.scrollIntoView({ block: row.offsetHeight > room ? 'start' : 'nearest' });
  });
}

/** Trouble in the agent's words; else why a job is held. */
function Reason(props: { readonly waybill: WaybillView; readonly region: string }): ReactNode {
  const { waybill, region } = props;
  const now = useNow();
  if (waybill.trouble && !waybill.cancelled) {
    const { sentence, since, retry } = waybill.trouble;
    return (
      <p className="reason" data-mark={markOf(waybill)}>
        <span>
          {sentence} {retry === 'later' && words.waybills.retryLater}{' '}
          <span className="quiet nowrap">{words.waybills.since(timeText(since, now))}</span>
        </span>
      </p>
    );
  }
  if (!isHeld(waybill)) return null;
  return (
    <p className="reason" data-mark="paused">
      <StateMark mark="paused" />
      <span>
        {words.waybills.held(region)}{' '}
        {waybill.holdUntil !== null && (
          <span className="quiet">
            {words.waybills.heldUntil(timeText(waybill.holdUntil, now))}
          </span>
        )}
      </span>
    </p>
  );
}

interface ActionProps {
  readonly waybill: WaybillView;
  readonly name: string;
}

function RetryButton({ waybill, name }: ActionProps): ReactNode {
  const { agent } = useParts();
  return (
    <CommandButton
      label={words.waybills.retry}
      busyLabel={words.waybills.retrying}
      name={`${words.waybills.retry} ${name}`}
      look={waybill.trouble?.retry === 'now' ? 'main' : 'plain'}
      run={() => agent.call('retryWaybill', { waybillId: waybill.id })}
    />
  );
}

function CancelButton({ waybill, name }: ActionProps): ReactNode {
  const { agent } = useParts();
  if (!canCancel(waybill)) return null;
  return (
    <CommandButton
      label={words.waybills.cancel}
      busyLabel={words.waybills.cancelling}
      name={`${words.waybills.cancel} ${name}`}
      look={waybill.trouble ? 'plain' : 'text'}
      run={() => agent.call('cancelWaybill', { waybillId: waybill.id })}
    />
  );
}
