// Short notices at the foot of the window: what was sent with its undo, what failed with its reason.

import { Toast } from 'radix-ui';
import type { ReactNode } from 'react';
import { useCell } from '../../cell.ts';
import { StateMark } from '../../components/StateMark.tsx';
import { Icon } from '../../components/Icon.tsx';
import { useParts } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import type { Mark } from '../../present/marks.ts';
import type { Sending } from '../../sending.ts';
import { words } from '../../words/en.ts';

/** A failure stays until it was read. */
const UNTIL_DISMISSED_MS = 24 * 3_600_000;

export function Toasts(): ReactNode {
  const { sendings, reports } = useParts();
  const sent = useCell(sendings.cell, (all) => all);
  const reported = useCell(reports.cell, (all) => all);
  return (
    <>
      {sent.map((sending) => (
        <SendingNotice key={sending.id} sending={sending} />
      ))}
      {reported.map((report) => (
        <Notice
          key={`report ${report.id}`}
          mark={report.kind === 'failed' ? 'error' : 'good'}
          sentence={report.sentence}
          isKept={report.kind === 'failed'}
          onClose={() => reports.dismiss(report.id)}
        />
      ))}
    </>
  );
}

function SendingNotice({ sending }: { readonly sending: Sending }): ReactNode {
  const { sendings, reports } = useParts();
  const { drop, id } = sending;
  const region = drop.region.name;
  const what = whatOf(drop.scenes);
  const onClose = (): void => sendings.dismiss(id);
  switch (sending.kind) {
    case 'asking':
      return (
        <Notice
          mark="moving"
          sentence={words.sending.asking(what, region)}
          isKept
          action={{ label: words.sending.cancel, run: sending.cancel }}
        />
      );
    case 'sent':
      return (
        <Notice
          mark="good"
          sentence={words.sending.sent(what, region)}
          action={{
            label: words.sending.undo,
            run: () => void sendings.undo(sending).catch(reports.fail),
          }}
          onClose={onClose}
        />
      );
    case 'already':
      return (
        <Notice mark="moving" sentence={words.sending.already(what, region)} onClose={onClose} />
      );
    case 'failed':
      return (
        <Notice
          mark="error"
          sentence={sending.sentence}
          isKept
          action={{
            label: words.sending.retry,
            run: () => void sendings.retry(sending).catch(reports.fail),
          }}
          onClose={onClose}
        />
      );
    case 'undone':
      return <Notice mark="cancelled" sentence={words.sending.undone(what)} onClose={onClose} />;
    case 'incomplete':
      return null;
  }
}

function Notice(props: {
  readonly mark: Mark;
  readonly sentence: string;
  readonly isKept?: boolean;
  readonly action?: { readonly label: string; run(): void };
  onClose?(): void;
}): ReactNode {
  const { mark, sentence, isKept, action, onClose } = props;
  return (
    <Toast.Root
      className="toast"
      data-mark={mark}
      {...(isKept ? { duration: UNTIL_DISMISSED_MS } : {})}
      onOpenChange={(isOpen) => !isOpen && onClose?.()}
    >
      <StateMark mark={mark} />
      <Toast.Description className="toast-text">{sentence}</Toast.Description>
      {action && (
        // Not Toast.Action: it closes as it acts, and the drop's own record decides when this notice goes.
        <button type="button" className="button button-small" onClick={action.run}>
          {action.label}
        </button>
      )}
      {onClose && (
        <Toast.Close className="button button-icon" aria-label={words.sending.dismiss}>
          <Icon name="close" />
        </Toast.Close>
      )}
    </Toast.Root>
  );
}

function whatOf(scenes: readonly { readonly name: string }[]): string {
  const [first] = scenes;
  return scenes.length === 1 && first ? first.name : words.sending.scenes(countText(scenes.length));
}
