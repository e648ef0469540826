// Command router is Signalbox: queues, topics, event buses and function calls on your own machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
	// exitFault says that the store stopped because it could not go on safely (EX_IOERR of sysexits.h).
	exitFault = 74
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default returns: a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	code, shown := exitFailure, true
	if e, ok := errors.AsType[*exitError](err); ok {
		code, shown = e.code, e.err != nil
	}
	if shown {
		fmt.Fprintln(os.Stderr, "router:", err)
	}
	os.Exit(code)
}

// exitError ends the process with a code; a nil err means that everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "router",
		Short:         "Queues, topics, event buses and function calls on your own machine",
		Long:          "Queues, topics, event buses and function calls on your own machine. Start with: router dev",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &exitError{code: exitUsage, err: fmt.Errorf("there is no command %q; see router --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return &exitError{code: exitUsage}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{code: exitUsage, err: err} })
	root.AddCommand(devCommand(), serveCommand(), validateCommand(), migrateCommand(), benchCommand())
	return root
}
