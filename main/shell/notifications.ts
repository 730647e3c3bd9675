// Notifications of the OS: each notice of the engine once, ticked off; and an engine that cannot start.

import { Notification } from 'electron';
import type { NoticeView } from '../../preload/contract.ts';
import { sentenceOf } from '../engine/base/errors.ts';
import type { Log } from '../engine/ports/log.ts';
import type { AgentClient } from './agent-client.ts';
import { words } from './words.ts';

/** More than this the OS does not keep on show either. */
const MAX_STANDING = 20;
/** One start that fails may be a hiccup; the same reason again is none. */
const FAILURES_BEFORE_SAID = 2;

export function showNotices(parts: {
  readonly agent: AgentClient;
  readonly iconPath: string;
  readonly log: Log;
  onClick(): void;
}): void {
  const { agent, log } = parts;
  const shownIds = new Set<string>();
  const tickedIds = new Set<string>();
  let failures: { readonly why: string; readonly count: number } = { why: '', count: 0 };
  /** Without a reference a notification may be collected before it is clicked. */
  const standing: Notification[] = [];

  function show(text: { readonly title: string; readonly body: string }): void {
    const { title, body } = text;
    const notification = new Notification({ title, body, icon: parts.iconPath });
    notification.on('click', () => parts.onClick());
    standing.push(notification);
    standing.splice(0, standing.length - MAX_STANDING);
    notification.show();
  }

  function showNotice(notice: NoticeView): void {
    if (!shownIds.has(notice.id)) show(notice);
    shownIds.add(notice.id);
    if (!tickedIds.has(notice.id)) tickOff(notice);
  }

  /** An engine that dies in between asks again after its restart; the notice is not shown twice. */
  function tickOff(notice: NoticeView): void {
    tickedIds.add(notice.id);
    agent.call('dismissNotice', { noticeId: notice.id }).catch((error: unknown) => {
      tickedIds.delete(notice.id);
      log.warn('A notice was shown but not ticked off', { why: sentenceOf(error) });
    });
  }

  function countFailure(why: string): void {
    failures = { why, count: failures.why === why ? failures.count + 1 : 1 };
    if (failures.count === FAILURES_BEFORE_SAID) show({ title: words.cannotStartTitle, body: why });
  }

  agent.onChange((presence) => {
    // Where the OS shows none, notices stay open for the window to show.
    if (!Notification.isSupported()) return;
    switch (presence.kind) {
      case 'starting':
        return;
      case 'down':
        return countFailure(presence.why);
      case 'up':
        failures = { why: '', count: 0 };
        for (const notice of presence.state.notices) showNotice(notice);
    }
  });
}
