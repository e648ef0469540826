package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/app"
)

func serveCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the router",
		Long: `Run the router. Without --config it starts with no definitions of a file; what the APIs made is there again.
Every flag has a twin in the environment: --public-url is ROUTER_PUBLIC_URL.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			if err := f.validate(); err != nil {
				return err
			}
			log, err := f.logger(os.Stderr, f.logLevel)
			if err != nil {
				return err
			}
			return run(cmd, f.options(log), func(address string) {
				log.Info().Str("address", address).Str("store", app.DescribeStore(f.store)).Str("version", version()).Msg("ready")
			})
		},
	}
	f.add(cmd.Flags())
	return cmd
}
