// The way of a waybill as one bar of steps: full is proven, part is counted, hatched is under way without a count.

import { Progress } from 'radix-ui';
import type { ReactNode } from 'react';
import type { TransferView, WaybillView } from '../../../preload/contract.ts';
import { barOf, stepIndex } from '../../present/waybills.ts';
import { words } from '../../words/en.ts';

/** Width of one step in the drawing's own units; the drawing stretches to its place. */
const STEP = 100;
const GAP = 4;

export function WaybillBar(props: {
  readonly waybill: WaybillView;
  readonly transfer: TransferView | undefined;
}): ReactNode {
  const { waybill, transfer } = props;
  const bar = barOf(waybill, transfer);
  const at = stepIndex(waybill.step) + 1;
  return (
    <Progress.Root
      className="bar"
      value={at}
      max={bar.length}
      aria-label={words.waybills.timeline}
      getValueLabel={(value, max) => words.waybills.progress(words.steps[waybill.step], value, max)}
    >
      <svg
        className="bar-drawing"
        viewBox={`0 0 ${bar.length * STEP - GAP} 10`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {bar.map((share, index) => (
          <g key={index} className={share === null ? 'bar-step bar-open' : 'bar-step'}>
            <rect x={index * STEP} y="0" width={STEP - GAP} height="10" className="bar-track" />
            {share !== null && share > 0 && (
              <rect
                x={index * STEP}
                y="0"
                width={(STEP - GAP) * share}
                height="10"
                className="bar-fill"
              />
            )}
          </g>
        ))}
      </svg>
    </Progress.Root>
  );
}
