// Turns what Node says of a broken connection into one sentence a person can act on.

import { AgentError, isAbort, sentenceOf } from '../../engine/base/errors.ts';

export interface FailedCall {
  readonly service: string;
  readonly url: string;
  readonly signal?: AbortSignal | undefined;
}

const TLS_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired; ask an admin to renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check the clock of this workstation',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate names another host; use the name in the certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by no CA known here; name the studio CA file',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate is signed by no CA known here; name the studio CA file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is signed by no CA known here; name the studio CA file',
  UNABLE_TO_GET_ISSUER_CERT:
    'its certificate is signed by no CA known here; name the studio CA file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is signed by no CA known here; name the studio CA file',
  CERT_SIGNATURE_FAILURE: 'its certificate carries a broken signature; ask an admin',
  CERT_REVOKED: 'its certificate was revoked; ask an admin',
};

const REFUSED_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing accepts connections there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ECONNABORTED: 'the connection was cut',
  ENOTFOUND: 'its name is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no network',
  ENETDOWN: 'there is no network',
};

/** Errors of ours and aborts pass through unchanged. */
export function networkFailure(error: unknown, call: FailedCall): unknown {
  if (error instanceof AgentError) return error;
  // Node wraps the reason when the socket dies with the request, so the signal is asked first.
  if (call.signal?.aborted && (isAbort(error) || error === call.signal.reason)) return error;
  if (call.signal?.aborted) return call.signal.reason;
  const code = codeOf(error);
  const host = URL.canParse(call.url) ? new URL(call.url).host : call.url;
  const base = { cause: error, facts: { host, code } };
  const tls =
    TLS_REASONS[code] ??
    (code.startsWith('ERR_SSL') || code === 'EPROTO' ? 'it does not speak TLS as expected' : null);
  if (tls) {
    return new AgentError('tls-untrusted', {
      ...base,
      message: `${call.service} at ${host} is not trusted: ${tls}.`,
      retry: 'never',
    });
  }
  if (code === 'ETIMEDOUT' || (error instanceof Error && error.name === 'TimeoutError')) {
    return new AgentError('connection-timeout', {
      ...base,
      message: `${call.service} at ${host} did not answer in time. Check the network; it is tried again.`,
      retry: 'later',
    });
  }
  const reason = REFUSED_REASONS[code];
  if (reason) {
    return new AgentError('connection-refused', {
      ...base,
      message: `${call.service} at ${host} is out of reach: ${reason}. Check the address and the network; it is tried again.`,
      retry: 'later',
    });
  }
  return new AgentError('unexpected-answer', {
    ...base,
    message: `${call.service} at ${host} gave an answer that is no HTTP (${sentenceOf(error)}). Check the address.`,
    retry: 'later',
  });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const own = (error as NodeJS.ErrnoException).code;
  if (typeof own === 'string') return own;
  // Happy eyeballs: one error per address tried.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error.cause === undefined ? '' : codeOf(error.cause);
}
