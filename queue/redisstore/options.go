package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Options are the settings of a store. Only URL is needed.
type Options struct {
	// URL says where the store is and how it is used:
	//
	//	redis[s]://user:password@host:port,host:port/db?mode=auto&durability=replicas:1
	//
	// Several hosts are nodes of one cluster or the sentinels of one master. Everything but a host is optional. Ports are 6379,
	// or 26379 of a sentinel, by default. The number of the database is for servers that are no cluster. The parameters are
	//
	//	mode               auto (default): ask the first host that answers. cluster, sentinel: what it is
	//	master             name of the master that the sentinels watch. It implies mode=sentinel
	//	namespace          1 to 32 small letters, digits and hyphens, no digit at the end: it leads the names of all keys, so that several stores can
	//	                   share servers. Default "sb"
	//	durability         async, replicas:N or fsync: see [Durability]. Default: the strongest that the deployment supports
	//	confirm_timeout    how long replicas or the disk may take to confirm. Default 2s; 10ms to 1m
	//	connect_timeout    how long one attempt to connect may take. Default 2s; 10ms to 1m
	//	password_file      file with the password, instead of the URL
	//	sentinel_user, sentinel_password, sentinel_password_file
	//	                   how to log in to the sentinels, if they want it
	//	ca, cert, key      PEM files: who signed the servers' certificates, and our own certificate (rediss only)
	//	insecure           true: do not verify the servers' certificates (rediss only)
	//
	// Where neither URL nor password_file has a password, the environment variable ROUTER_REDIS_PASSWORD may. Others than these
	// parameters are refused.
	URL string
	// DialTimeout is for how long a store that does not answer is tried again at the start. Default 10s. Negative for one try.
	DialTimeout time.Duration
	// ConfirmTimeout is how long replicas or the disk may take to confirm a write. Zero for what the URL says.
	ConfirmTimeout time.Duration
	// RetryFor is for how long, from its beginning, a call is tried again that certainly had no effect: no master could be
	// reached, or it was not ready. Then the call fails with queue.ErrUnavailable. A failover should fit in. Default 10s. Negative for never.
	RetryFor time.Duration
	// Unfinished opens a store also if a migration to it has not ended; see queue.Importer.
	Unfinished bool
	// Log receives what an operator should know: what was found at the start, what was lost and found again. It may be called
	// by several goroutines at once and must not call the store.
	Log func(LogLevel, string)

	reply time.Duration // replyTimeout of tests that have a server do much at once; zero for that
}

// LogLevel is the weight of a message for Options.Log.
type LogLevel uint8

const (
	// LogInfo is for what is in order.
	LogInfo LogLevel = iota
	// LogWarn is for what an operator should look at.
	LogWarn
	// LogError is for what failed.
	LogError
)

const (
	passwordVariable = "ROUTER_REDIS_PASSWORD"

	defaultDialTimeout    = 10 * time.Second
	defaultRetryFor       = 10 * time.Second
	defaultConfirmTimeout = 2 * time.Second
	defaultConnectTimeout = 2 * time.Second
	minTimeout            = 10 * time.Millisecond
	maxTimeout            = time.Minute
)

// Validate reports the first setting that can not be used, as a [*queue.InvalidError]. It reads the files that the URL names.
func (o Options) Validate() error {
	_, err := o.settings(os.Getenv)
	return err
}

// String describes the store for logs: the URL without passwords.
func (o Options) String() string {
	s, err := o.settings(func(string) string { return "" })
	if s.addrs == nil && err != nil {
		return "redis: invalid URL"
	}
	return s.String()
}

// GoString is String: %#v must not show passwords either.
func (o Options) GoString() string { return o.String() }

// mode is the kind of deployment.
type mode string

const (
	modeAuto       mode = "auto"
	modeCluster    mode = "cluster"
	modeSentinel   mode = "sentinel"
	modeStandalone mode = "standalone"
)

// settings are options with the URL taken apart and the defaults filled in.
type settings struct {
	addrs             []string
	tls               *tls.Config
	user, password    string
	db                int
	mode              mode
	master            string
	namespace         string
	sentinelUser      string
	sentinelPassword  string
	durability        Durability
	confirm, connect  time.Duration
	reply             time.Duration
	dialFor, retryFor time.Duration
	log               func(LogLevel, string)
	passwordFile      string
	sentinelPassFile  string
	ca, cert, key     string
	insecure          bool
	unfinished        bool
}

func (s settings) String() string {
	var b strings.Builder
	b.WriteString("redis")
	if s.tls != nil {
		b.WriteString("s")
	}
	b.WriteString("://")
	if s.user != "" {
		b.WriteString(url.PathEscape(s.user) + "@")
	}
	b.WriteString(strings.Join(s.addrs, ","))
	if s.db != 0 {
		b.WriteString("/" + strconv.Itoa(s.db))
	}
	if s.master != "" {
		b.WriteString("?master=" + url.QueryEscape(s.master))
	}
	return b.String()
}

// A namespace must not end in a digit, because the number of a shard follows it.
var namespacePattern = regexp.MustCompile(`^[a-z0-9-]{0,31}[a-z-]$`)

func invalid(field, format string, args ...any) error {
	return &queue.InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// settings takes the URL apart. No error shows any of the text before the last @, and none the text of the hosts, which
// holds a part of the password if that has characters that should have been percent-encoded.
func (o Options) settings(getenv func(string) string) (settings, error) {
	s := settings{
		mode: modeAuto, namespace: DefaultNamespace, confirm: defaultConfirmTimeout, connect: defaultConnectTimeout, reply: o.reply,
		dialFor: o.DialTimeout, retryFor: o.RetryFor, log: o.Log, unfinished: o.Unfinished,
	}
	if s.reply == 0 {
		s.reply = replyTimeout
	}
	if s.dialFor == 0 {
		s.dialFor = defaultDialTimeout
	}
	if s.retryFor == 0 {
		s.retryFor = defaultRetryFor
	}
	if s.log == nil {
		s.log = func(LogLevel, string) {}
	}
	scheme, rest, ok := strings.Cut(o.URL, "://")
	if !ok || scheme != "redis" && scheme != "rediss" {
		return s, invalid("url", "must begin with redis:// or rediss://")
	}
	if scheme == "rediss" {
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path, "@") {
		return s, invalid("url", "has a / before its hosts: in a user name or password it is written %%2F")
	}
	if err := s.setUser(&authority); err != nil {
		return s, err
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return s, invalid("url", "has parameters that can not be read: percent-encode special characters")
	}
	if err := s.setParams(params); err != nil {
		return s, err
	}
	if err := s.setHosts(authority); err != nil {
		return s, err
	}
	if path != "" {
		if s.db, err = strconv.Atoi(path); err != nil || s.db < 0 {
			return s, invalid("url", "may have only the number of a database after the hosts")
		}
		if s.db != 0 && s.mode == modeCluster {
			return s, invalid("url", "has the number of a database, but a cluster has only database 0")
		}
	}
	if o.ConfirmTimeout != 0 {
		s.confirm = o.ConfirmTimeout
		if s.confirm < minTimeout || s.confirm > maxTimeout {
			return s, invalid("confirm_timeout", "must be between %v and %v", minTimeout, maxTimeout)
		}
	}
	if err := s.readPasswords(getenv); err != nil {
		return s, err
	}
	if s.user != "" && s.password == "" {
		// The client would log in as the default user, and say nothing.
		return s, invalid("url", "has a user and no password: it goes behind the user, into password_file or into %s", passwordVariable)
	}
	if s.mode == modeSentinel && s.master == "" {
		return s, invalid("master", "must name the master that the sentinels watch")
	}
	return s, s.readCertificates()
}

// setUser cuts the user and the password off the authority.
func (s *settings) setUser(authority *string) error {
	at := strings.LastIndexByte(*authority, '@')
	if at < 0 {
		return nil
	}
	user, password, _ := strings.Cut((*authority)[:at], ":")
	*authority = (*authority)[at+1:]
	var err error
	if s.user, err = url.PathUnescape(user); err != nil {
		return invalid("url", "has a user name that can not be read: percent-encode special characters")
	}
	if s.password, err = url.PathUnescape(password); err != nil {
		return invalid("url", "has a password that can not be read: percent-encode special characters")
	}
	return nil
}

func (s *settings) setHosts(hosts string) error {
	port := "6379"
	if s.mode == modeSentinel {
		port = "26379"
	}
	for i, host := range strings.Split(hosts, ",") {
		addr := host
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		name, number, err := net.SplitHostPort(addr)
		if n, perr := strconv.Atoi(number); err != nil || perr != nil || n < 1 || n > 65535 || name == "" {
			return invalid("url", "must name hosts as host:port,host:port; number %d is not one", i+1)
		}
		if strings.ContainsAny(name, "@ ") {
			return invalid("url", "must name hosts as host:port,host:port; number %d is not one", i+1)
		}
		s.addrs = append(s.addrs, addr)
	}
	return nil
}

func (s *settings) setParams(params url.Values) error {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names) // so that of several errors it is always the same that is reported
	for _, name := range names {
		if len(params[name]) != 1 {
			return invalid(name, "is given twice")
		}
		if err := s.setParam(name, params[name][0]); err != nil {
			return err
		}
	}
	if s.master != "" && s.mode == modeAuto {
		s.mode = modeSentinel
	}
	if s.master != "" && s.mode != modeSentinel {
		return invalid("master", "is for mode=sentinel")
	}
	if s.tls == nil && (s.ca != "" || s.cert != "" || s.key != "" || s.insecure) {
		return invalid("url", "must begin with rediss:// for ca, cert, key and insecure")
	}
	if (s.cert == "") != (s.key == "") {
		return invalid("cert", "and key are given together or not at all")
	}
	return nil
}

func (s *settings) setParam(name, value string) (err error) {
	switch name {
	case "mode":
		s.mode = mode(value)
		if s.mode != modeAuto && s.mode != modeCluster && s.mode != modeSentinel {
			return invalid(name, "must be auto, cluster or sentinel")
		}
	case "master":
		s.master = value
	case "namespace":
		if s.namespace = value; !namespacePattern.MatchString(value) {
			return invalid(name, "must be 1 to 32 small letters, digits and hyphens, of which the last is no digit")
		}
	case "durability":
		s.durability, err = parseDurability(value)
	case "confirm_timeout":
		s.confirm, err = parseTimeout(name, value)
	case "connect_timeout":
		s.connect, err = parseTimeout(name, value)
	case "password_file":
		s.passwordFile = value
	case "sentinel_user":
		s.sentinelUser = value
	case "sentinel_password":
		s.sentinelPassword = value
	case "sentinel_password_file":
		s.sentinelPassFile = value
	case "ca":
		s.ca = value
	case "cert":
		s.cert = value
	case "key":
		s.key = value
	case "insecure":
		if s.insecure, err = strconv.ParseBool(value); err != nil {
			return invalid(name, "must be true or false")
		}
	case "password":
		return invalid(name, "is no parameter: it goes before the hosts, into password_file or into %s", passwordVariable)
	default:
		if strings.ContainsAny(name, "@:/") { // the end of a password with a question mark, which must not be shown
			return invalid("store", "has a ? before its hosts: in a password it is written %%3F")
		}
		return invalid(name, "is no parameter of a redis URL")
	}
	return err
}

func parseTimeout(name, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < minTimeout || d > maxTimeout {
		return 0, invalid(name, "must be between %v and %v, such as 500ms", minTimeout, maxTimeout)
	}
	return d, nil
}

func (s *settings) readPasswords(getenv func(string) string) error {
	if err := readPassword("password_file", s.passwordFile, &s.password); err != nil {
		return err
	}
	if s.password == "" {
		s.password = getenv(passwordVariable)
	}
	return readPassword("sentinel_password_file", s.sentinelPassFile, &s.sentinelPassword)
}

func readPassword(name, file string, into *string) error {
	if file == "" {
		return nil
	}
	if *into != "" {
		return invalid(name, "is given, and a password too")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return invalid(name, "can not be read: %v", err)
	}
	*into = strings.TrimRight(string(text), "\r\n")
	if *into == "" {
		return invalid(name, "is empty")
	}
	return nil
}

func (s *settings) readCertificates() error {
	if s.tls == nil {
		return nil
	}
	s.tls.InsecureSkipVerify = s.insecure
	if s.ca != "" {
		pem, err := os.ReadFile(s.ca)
		if err != nil {
			return invalid("ca", "can not be read: %v", err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
			return invalid("ca", "has no certificate in PEM form")
		}
	}
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return invalid("cert", "and key can not be used: %v", err)
		}
		s.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// isInvalid says that an error is about the options.
func isInvalid(err error) bool {
	_, ok := errors.AsType[*queue.InvalidError](err)
	return ok
}
