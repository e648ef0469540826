package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/app"
)

func devCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the router for a developer: an example to try, a line per event and delivery",
		Long: `Run the router for a developer. Without --config it runs a built-in example and prints what to curl. With a file it
takes the file anew whenever it changes; a broken one is told of and changes nothing. Functions to try things out with
are served at /dev/functions/echo and /dev/functions/fail, and ROUTER_DEV_URL is set to the router's address for the file.
Every flag has a twin in the environment: --public-url is ROUTER_PUBLIC_URL.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			if err := f.validate(); err != nil {
				return err
			}
			level := f.logLevel
			if !cmd.Flags().Changed("log-level") {
				level = "warn" // what happens is printed in a form for people
			}
			log, err := f.logger(os.Stderr, level)
			if err != nil {
				return err
			}
			opts := f.options(log)
			opts.Dev = app.NewDev(cmd.OutOrStdout())
			return run(cmd, opts, opts.Dev.Ready(opts))
		},
	}
	f.add(cmd.Flags())
	return cmd
}
