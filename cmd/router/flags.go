package main

import (
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/app"
	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
)

// runFlags are the flags of the verbs that run a router. Each has a twin in the environment: --public-url is
// ROUTER_PUBLIC_URL. A flag on the command line wins.
type runFlags struct {
	config, listen, data, store, publicURL, logLevel, logFormat string
	debugListen                                                 string
	prune                                                       bool
	minFree                                                     sizeFlag
	drain                                                       time.Duration
}

func (f *runFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.config, "config", "", "YAML `file` with queues, topics, functions, API destinations, buses, archives, rules and webhooks")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:4566", "`address` to answer HTTP on; port 0 takes a free one")
	flags.StringVar(&f.data, "data", "./data", "`directory` of the embedded store")
	flags.StringVar(&f.store, "store", "pebble", "pebble, memory to keep nothing, or the `address` of a store that several nodes share: redis://HOST:PORT/")
	flags.StringVar(&f.publicURL, "public-url", "", "`URL` by which clients reach the router, if not by --listen; dev puts it into ROUTER_DEV_URL")
	flags.StringVar(&f.logLevel, "log-level", "info", "trace, debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "", "json or console; the default is console on a terminal")
	flags.StringVar(&f.debugListen, "debug-listen", "", "`address` to serve Go profiles on, under /debug/pprof/; keep it private")
	f.minFree = 256 << 20
	flags.Var(&f.minFree, "min-free", "disk `space` below which the store takes nothing new, 0 for none")
	flags.DurationVar(&f.drain, "drain", 0, "for how `long` to go on taking requests when told to end, while /readyz answers 503 already")
	flags.BoolVar(&f.prune, "prune", false, "delete queues that left the file although they have messages")
}

// maxDrain bounds how long an end may be put off.
const maxDrain = 10 * time.Minute

// fromEnvironment sets the flags that the command line does not.
func fromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "ROUTER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := os.LookupEnv(name); ok && !f.Changed && f.Name != "help" {
			if err := flags.Set(f.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(errs...)
}

func (f *runFlags) logger(w *os.File, level string) (zerolog.Logger, error) {
	lvl, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Logger{}, &exitError{code: exitUsage, err: fmt.Errorf("--log-level: %q is not trace, debug, info, warn or error", level)}
	}
	var out io.Writer = w
	switch f.logFormat {
	case "json":
	case "console", "":
		if f.logFormat == "console" || isTerminal(w) {
			out = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
		}
	default:
		return zerolog.Logger{}, &exitError{code: exitUsage, err: fmt.Errorf("--log-format: %q is not json or console", f.logFormat)}
	}
	return zerolog.New(out).Level(lvl).With().Timestamp().Logger(), nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// noArguments refuses arguments, of which the commonest is a file without --config.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &exitError{code: exitUsage, err: fmt.Errorf("%[1]s takes no arguments; to run a file: %[1]s --config %[2]s", cmd.CommandPath(), args[0])}
}

// validate checks what can be checked before anything is opened.
func (f *runFlags) validate() error {
	usage := func(format string, args ...any) error {
		return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
	}
	if err := app.ValidateStore(f.store); err != nil {
		return usage("--store: %v", err)
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return usage("--listen: %q must be HOST:PORT, such as 127.0.0.1:4566", f.listen)
	}
	if f.drain < 0 || f.drain > maxDrain {
		return usage("--drain: %v must be 0 to %v", f.drain, maxDrain)
	}
	if u, err := url.Parse(f.publicURL); f.publicURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return usage("--public-url: %q must begin with http:// or https://", f.publicURL)
	}
	return nil
}

func (f *runFlags) options(log zerolog.Logger) app.Options {
	return app.Options{
		Config: f.config, Listen: f.listen, Data: f.data, Store: f.store,
		PublicURL: f.publicURL, DebugListen: f.debugListen, Prune: f.prune, MinFree: (*int64)(&f.minFree), Drain: f.drain, Version: version(), Log: log,
	}
}

// run runs the router and gives faults of the store an exit code of their own.
func run(cmd *cobra.Command, opts app.Options, ready func(address string)) error {
	// What HTTP clients have to say of servers that misbehave goes to the standard logger, which would break the form of the log.
	stdlog.SetFlags(0)
	stdlog.SetOutput(standardLog{opts.Log})
	err := app.Run(cmd.Context(), opts, ready)
	if app.IsFault(err) {
		return &exitError{code: exitFault, err: err}
	}
	return err
}

// standardLog takes the lines of the standard logger, but for what a server has said without being asked ("Unsolicited response …
// starting with …"): it may repeat the secrets of the request before.
type standardLog struct{ log zerolog.Logger }

func (l standardLog) Write(b []byte) (int, error) {
	text := string(b)
	if strings.Contains(text, "Unsolicited response") {
		text, _, _ = strings.Cut(text, " starting with ")
	}
	l.log.Warn().Msg(strings.TrimSpace(text))
	return len(b), nil
}

// sizeFlag is a flag for a number of bytes, written as in the file.
type sizeFlag int64

// Set is pflag.Value's.
func (s *sizeFlag) Set(text string) error {
	n, err := config.ParseSize(text)
	if err == nil {
		*s = sizeFlag(n)
	}
	return err
}

// String is pflag.Value's.
func (s *sizeFlag) String() string {
	if *s%(1<<20) == 0 && *s != 0 {
		return strconv.FormatInt(int64(*s)>>20, 10) + "MiB"
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type is pflag.Value's.
func (s *sizeFlag) Type() string { return "size" }
