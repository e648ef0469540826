package redisstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func noenv(string) string { return "" }

func TestURL(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]func(settings) bool{
		"redis://h": func(s settings) bool {
			return s.addrs[0] == "h:6379" && s.mode == modeAuto && s.tls == nil && s.durability == Durability{} &&
				s.confirm == 2*time.Second && s.password == ""
		},
		"redis://u:p%40ss@h1:1,h2:2/": func(s settings) bool {
			return s.user == "u" && s.password == "p@ss" && strings.Join(s.addrs, " ") == "h1:1 h2:2"
		},
		"redis://:pa:ss@h":       func(s settings) bool { return s.user == "" && s.password == "pa:ss" },
		"redis://[::1]:7,[::2]":  func(s settings) bool { return s.addrs[0] == "[::1]:7" && s.addrs[1] == "[::2]:6379" },
		"redis://h/3":            func(s settings) bool { return s.db == 3 },
		"redis://h?mode=cluster": func(s settings) bool { return s.mode == modeCluster },
		"redis://h,i:1?master=m": func(s settings) bool {
			return s.mode == modeSentinel && s.master == "m" && strings.Join(s.addrs, " ") == "h:26379 i:1"
		},
		"redis://h?durability=async":      func(s settings) bool { return s.durability.Kind == DurabilityAsync },
		"redis://h?durability=fsync":      func(s settings) bool { return s.durability.Kind == DurabilityFsync },
		"redis://h?durability=replicas:2": func(s settings) bool { return s.durability.String() == "replicas:2" },
		"redis://h?confirm_timeout=500ms&connect_timeout=1s": func(s settings) bool {
			return s.confirm == 500*time.Millisecond && s.connect == time.Second
		},
		"redis://h?password_file=" + file: func(s settings) bool { return s.password == "from file" },
		"redis://h?master=m&sentinel_user=su&sentinel_password=sp": func(s settings) bool {
			return s.sentinelUser == "su" && s.sentinelPassword == "sp"
		},
		"rediss://h?insecure=true": func(s settings) bool { return s.tls.InsecureSkipVerify },
	} {
		s, err := Options{URL: url}.settings(noenv)
		if err != nil || !want(s) {
			t.Errorf("%s: %+v, %v", url, s, err)
		}
	}
	s, err := Options{URL: "redis://h", ConfirmTimeout: time.Second}.settings(func(name string) string { return "value of " + name })
	if err != nil || s.password != "value of ROUTER_REDIS_PASSWORD" || s.confirm != time.Second {
		t.Errorf("with an environment: %+v, %v", s, err)
	}
}

func TestURLRefused(t *testing.T) {
	t.Parallel()
	for url, field := range map[string]string{
		"":                                  "url",
		"http://h":                          "url",
		"redis://":                          "url",
		"redis://h:x":                       "url",
		"redis://h1,,h2":                    "url",
		"redis://h/x":                       "url",
		"redis://h/-1":                      "url",
		"redis://h/1?mode=cluster":          "url",
		"redis://u:%zz@h":                   "url",
		"redis://h?a=%zz":                   "url",
		"redis://h?ca=x":                    "url",
		"redis://u@h":                       "url",
		"redis://u:p/x@h":                   "url",
		"redis://h?mode=sentinel":           "master",
		"redis://h?mode=none":               "mode",
		"redis://h?mode=cluster&master=m":   "master",
		"redis://h?durability=replicas":     "durability",
		"redis://h?durability=replicas:0":   "durability",
		"redis://h?durability=always":       "durability",
		"redis://h?confirm_timeout=0":       "confirm_timeout",
		"redis://h?connect_timeout=x":       "connect_timeout",
		"redis://h?password_file=/none":     "password_file",
		"redis://u:p@h?password_file=/none": "password_file",
		"redis://h?password=p":              "password",
		"redis://h?shards=3":                "shards",
		"redis://h?mode=auto&mode=auto":     "mode",
		"rediss://h?insecure=maybe":         "insecure",
		"rediss://h?ca=/none":               "ca",
		"rediss://h?cert=/none":             "cert",
		"rediss://h?cert=/none&key=/none":   "cert",
		"redis://h?master=m&sentinel_password_file=/none": "sentinel_password_file",
	} {
		err := Options{URL: url}.Validate()
		if invalid, ok := errors.AsType[*queue.InvalidError](err); !ok || invalid.Field != field {
			t.Errorf("%s: %v, want one about %s", url, err, field)
		}
	}
}

// Whatever is wrong with a URL, no part of a password is shown.
func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://user:hunter2@h:1/?mode=cluster", "redis://user:hunter2@h:x", "redis://user:hunter2/@h", "redis://user:hunter2?@h", "redis://user:x?hunter2@h", "redis://user:x/hunter2@h",
		"redis://user:hunter2%zz@h", "redis://user:a@hunter2@h", "redis://user:a@h?sentinel_password=hunter2&none=1", "user:hunter2@h",
		"redis://user:a,hunter2:@h@", "redis://user:x#hunter2@h:y", "redis://h?sentinel_password=%zzhunter2",
	} {
		o := Options{URL: url}
		for _, text := range []string{fmt.Sprint(o.Validate()), o.String(), fmt.Sprint(o), fmt.Sprintf("%+v %#v", o, o)} {
			if strings.Contains(text, "hunter2") {
				t.Errorf("%s: %s", url, text)
			}
		}
	}
	if got := (Options{URL: "redis://me:hunter2@h,i/2?durability=async"}).String(); got != "redis://me@h:6379,i:6379/2" {
		t.Errorf("String() = %s", got)
	}
}
