// What only the shell can do for the window, and the channel names between the two. Free of imports: the preload bundles it.

/** The window's way to the shell itself, for what only the shell can do. Everything else is the engine's. */
export interface ShellApi {
  /** Opens the OS folder chooser; null when the person cancelled. */
  chooseFolder(): Promise<string | null>;
  showInFolder(path: string): Promise<void>;
  /** Absolute path of a file dropped from the OS, or '' where the platform hides it. */
  pathOfDroppedFile(file: File): string;
}

/** What the preload puts at `window.waybill`; absent in a plain browser. */
export interface WindowApi extends ShellApi {
  /** Asks the shell for a port to the engine; it arrives as a window message on SHELL_CHANNELS.port. */
  connect(): void;
}

export const SHELL_CHANNELS = {
  chooseFolder: 'shell:choose-folder',
  showInFolder: 'shell:show-in-folder',
  connect: 'waybill:connect',
  port: 'waybill:port',
} as const;
