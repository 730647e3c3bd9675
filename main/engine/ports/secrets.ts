// Where passwords live: the OS keychain in the app, memory in the sandbox. Never a file, a log or argv.

export interface Secrets {
  /** The secret for a connection, or undefined when none is stored. */
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
}
