package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
)

func validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check configuration files and print every mistake as file:line:column: message",
		Long: `Check configuration files: their form, every pattern, condition and transform, and that what they name exists.
Variables such as ${env:NAME} must be set. Exits with 1 if there is a mistake.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MinimumNArgs(1)(cmd, args); err != nil {
				return &exitError{code: exitUsage, err: errors.New("validate needs the name of a file")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			failed := false
			for _, name := range files {
				data, err := os.ReadFile(name)
				if err == nil {
					_, err = config.Load(name, data, validateEnv)
				}
				if err != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), err)
					failed = true
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", name)
			}
			if failed {
				return &exitError{code: exitFailure}
			}
			return nil
		},
	}
}

// validateEnv is the environment in which files are checked: the process's, and a stand-in for what dev sets.
func validateEnv(name string) (string, bool) {
	if value, ok := os.LookupEnv(name); ok || name != "ROUTER_DEV_URL" {
		return value, ok
	}
	return "http://127.0.0.1:4566", true
}
