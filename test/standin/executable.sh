#!/bin/sh
# Stands where Electron's own executable would: process.execPath of the app. Run as Node it is Node; else it would be
# a second app, which no child process of ours may start by accident.
if [ "$ELECTRON_RUN_AS_NODE" != 1 ]; then
  echo "electron stand-in: $* would have started the app a second time" >&2
  exit 70
fi
exec node "$@"
