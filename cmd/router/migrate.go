package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/app"
)

func migrateCommand() *cobra.Command {
	var o app.MigrateOptions
	cmd := &cobra.Command{
		Use:   "migrate --from STORE --to STORE",
		Short: "Copy all that a store holds to another one",
		Long: `Copy all that a store holds, definitions and messages, to another one. STORE is the directory of an embedded store, or the
address of a shared one: redis://HOST:PORT/. No router may run on either. The source is only read.

The target must be empty. Until everything is there and was counted, no router starts on it. If the copy breaks off, say
--restart to erase what it has left and begin anew.

Message IDs, attributes, groups, receive counts, delays, and the places of events in their logs stay. A message in flight
can be received again when its lease would have ended. Receipts, deduplication windows and idempotency tokens do not go along.
Exits with 1 if anything is not as it should be.`,
		Example: `  router migrate --from ./data --to 'redis://redis-1:6379/' --dry-run
  router migrate --from ./data --to 'redis://redis-1:6379,redis-2:6379/?mode=cluster'
  router migrate --from 'redis://redis-1:6379/' --to ./data`,
		Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			o.Say = func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
			report, err := app.Migrate(cmd.Context(), o)
			if err != nil {
				if app.IsUnfinished(err) {
					err = fmt.Errorf("%w; --restart erases that and begins anew", err)
				}
				return err
			}
			if err := report.Write(cmd.OutOrStdout()); err != nil || o.DryRun {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "copied and counted in %.1fs\n", report.Took.Seconds())
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.From, "from", "", "`store` to copy: a directory, or redis://HOST:PORT/")
	flags.StringVar(&o.To, "to", "", "empty `store` to copy to")
	flags.BoolVar(&o.DryRun, "dry-run", false, "only count what is to be copied, without a look at the target")
	flags.BoolVar(&o.Restart, "restart", false, "erase first what a migration that was broken off has left in --to")
	return cmd
}
