// The board: scenes on the left, the regions to drop them on, and the waybills that come of it.

import type { ReactNode } from 'react';
import { RegionsPane } from '../regions/RegionsPane.tsx';
import { ScenesPane } from '../scenes/ScenesPane.tsx';
import { WaybillsPane } from '../waybills/WaybillsPane.tsx';

export function Board(): ReactNode {
  return (
    <div className="board">
      <ScenesPane />
      <RegionsPane />
      <WaybillsPane />
    </div>
  );
}
