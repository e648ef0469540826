package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/bench"
	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the router, or another server that speaks its protocols",
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return &exitError{code: exitUsage}
		},
	}
	cmd.AddCommand(benchSQSCommand(), benchFloorCommand())
	return cmd
}

// flagsOnly refuses arguments.
func flagsOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &exitError{code: exitUsage, err: fmt.Errorf("%[1]s does not know %[2]q; see %[1]s --help", cmd.CommandPath(), args[0])}
}

func benchSQSCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "sqs",
		Short: "Measure sends, receives and deletes over the SQS protocol",
		Long: `Measure sends, receives and deletes over the SQS JSON protocol: by default of this router, started for the purpose on a free
port with an empty store in a temporary directory, or with --addr of any server that runs.

Scenarios:
  send              SendMessage
  send-batch        SendMessageBatch of ten
  receive-delete    ReceiveMessage of up to ten and DeleteMessageBatch, of messages that were sent before
  receive-delete-1  ReceiveMessage of one and DeleteMessage, likewise
  round-trip        each client sends a message, receives one and deletes it
  long-poll         the clients wait with ReceiveMessage for messages sent at a fixed rate; the latency is from the start of
                    a send to the arrival of the receive's answer
  backlog           many messages are sent in batches, then all are received and deleted; only if it is asked for

Each scenario is measured with each size of body and number of clients, in rounds; the figure is the median of the rounds.
In turn with the server, sends are measured on two floors, which answer the same bytes to the same clients: F1 is a bare
HTTP server, F2 one that has appended the body to a file and synced it, one sync for all that wait. The ratios to them say
more than the figures, since clients and server share the machine. Exits with 1 if any request failed.`,
		Example: `  router bench sqs
  router bench sqs --scenario send,send-batch --body 128B,1KiB,64KiB --concurrency 1,64
  router bench sqs --addr http://127.0.0.1:9324 --json other.json
  router bench sqs --scenario backlog --messages 100000`,
		Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := f.options()
			if err := o.Validate(); err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			o.Progress, o.Terminal = os.Stderr, isTerminal(os.Stderr)
			report, err := bench.Run(cmd.Context(), o)
			if report != nil && len(report.Results) > 0 {
				err = errors.Join(err, f.write(cmd.OutOrStdout(), report), report.Err())
			}
			return err
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// benchFloorCommand is what bench starts to compare with; it is of no use by itself.
func benchFloorCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:    "floor",
		Short:  "Serve a floor for bench",
		Hidden: true,
		Args:   flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.ServeFloor(cmd.Context(), file, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "`file` to append bodies to and sync")
	return cmd
}

type benchFlags struct {
	addr, floors, json, profiles, dir string
	scenarios                         []string
	bodies                            sizesFlag
	concurrency                       []int
	duration, warmup                  time.Duration
	rounds, rate, messages            int
}

func (f *benchFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	scenarios := bench.ScenarioNames()
	flags.StringVar(&f.addr, "addr", "", "`URL` of a server that runs, such as http://127.0.0.1:4566; none starts this router")
	flags.StringSliceVar(&f.scenarios, "scenario", scenarios[:len(scenarios)-1], "`names` of what to measure")
	f.bodies = sizesFlag{1 << 10}
	flags.Var(&f.bodies, "body", "`sizes` of a message's body, such as 128B,1KiB,64KiB")
	flags.IntSliceVar(&f.concurrency, "concurrency", []int{64}, "`numbers` of clients, such as 1,64")
	flags.DurationVar(&f.duration, "duration", 3*time.Second, "how long a round is measured")
	flags.DurationVar(&f.warmup, "warmup", time.Second, "how long it runs before, unmeasured")
	flags.IntVar(&f.rounds, "rounds", 3, "`number` of rounds; the backlog has one")
	flags.IntVar(&f.rate, "rate", 1000, "messages a second of long-poll")
	flags.IntVar(&f.messages, "messages", 1_000_000, "`number` of messages of the backlog")
	flags.StringVar(&f.floors, "floors", bench.FloorsTrue, "true, false to leave the floors out, or only to measure nothing else")
	flags.StringVar(&f.json, "json", "", "`file` to write everything to as JSON; - for standard output, instead of the table")
	flags.StringVar(&f.profiles, "cpuprofile", "", "`directory` for a CPU profile of this router in each measurement")
	flags.StringVar(&f.dir, "dir", "", "`directory` to make the temporary data directories in, if not the system's; should be on a disk")
}

func (f *benchFlags) options() bench.Options {
	return bench.Options{
		Addr: f.addr, Scenarios: f.scenarios, Bodies: f.bodies, Concurrency: f.concurrency, Duration: f.duration, Warmup: f.warmup,
		Rounds: f.rounds, Rate: f.rate, Messages: f.messages, Floors: f.floors, CPUProfiles: f.profiles, Dir: f.dir,
	}
}

// write writes the report: a table for people, unless JSON takes its place.
func (f *benchFlags) write(stdout io.Writer, r *bench.Report) error {
	switch f.json {
	case "-":
		return r.WriteJSON(stdout)
	case "":
		return r.WriteTable(stdout)
	}
	file, err := os.Create(f.json)
	if err != nil {
		return errors.Join(err, r.WriteTable(stdout))
	}
	return errors.Join(r.WriteJSON(file), file.Close(), r.WriteTable(stdout))
}

// sizesFlag is a flag for a list of numbers of bytes, each written as in the file.
type sizesFlag []int

// Set is pflag.Value's.
func (s *sizesFlag) Set(text string) error {
	var sizes []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := config.ParseSize(part)
		if err != nil {
			return fmt.Errorf("%q %w", part, err)
		}
		sizes = append(sizes, int(n))
	}
	*s = sizes
	return nil
}

// String is pflag.Value's.
func (s *sizesFlag) String() string {
	var parts []string
	for _, n := range *s {
		if n%(1<<10) == 0 {
			parts = append(parts, fmt.Sprintf("%dKiB", n>>10))
		} else {
			parts = append(parts, fmt.Sprintf("%dB", n))
		}
	}
	return strings.Join(parts, ",")
}

// Type is pflag.Value's.
func (s *sizesFlag) Type() string { return "sizes" }
