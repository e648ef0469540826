package redisfaults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// A server alone, which writes each command to its disk before it answers, is killed and started again.
func TestKilledWithFsync(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: "always"})
	url := "redis://" + s.Addr() + "?durability=fsync"
	l := newLoad(open(t, url), open(t, url))
	l.start()
	n := 5
	if soak() {
		n = 50
	}
	for range n {
		l.more(t, 100)
		s.Kill()
		wait(t, 200*time.Millisecond)
		s.Restart()
	}
	l.more(t, 20)
	l.finish(t, fmt.Sprintf("alone, fsync, %d kills and restarts", n), nothingLost)
}

// The file ends in the middle of a command, as after a power failure. The server starts and has all that is before it.
func TestFileCutOff(t *testing.T) {
	t.Parallel()
	for _, cut := range []int64{1, 100, 3000} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: "always"})
			s := open(t, "redis://"+server.Addr()+"?durability=fsync")
			clock := queue.NewClock(time.Time{}).Now
			const count = 100
			send := func(text string) {
				t.Helper()
				_, err := s.Append(t.Context(), queue.AppendRequest{Now: clock(), Entries: []queue.Entry{{
					Queue: 1, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte(text)},
				}}})
				if err != nil {
					t.Fatal(err)
				}
			}
			for i := range count {
				send(fmt.Sprint(i))
			}
			server.Kill()
			files, err := filepath.Glob(filepath.Join(server.Dir, "appendonlydir", "*.incr.aof"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			info, err := os.Stat(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(files[0], info.Size()-cut); err != nil {
				t.Fatal(err)
			}
			server.Restart()
			send("after")
			got, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: clock(), Queue: 1, Max: 2 * count, Visibility: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			var want, bodies []string
			for i := range got.Messages {
				bodies = append(bodies, string(got.Messages[i].Body))
				if i < len(got.Messages)-1 {
					want = append(want, fmt.Sprint(i))
				}
			}
			want = append(want, "after")
			lost := count + 1 - len(bodies)
			// An append takes about 600 bytes of the file.
			if strings.Join(bodies, " ") != strings.Join(want, " ") || lost < 1 || lost > 1+int(cut)/300 {
				t.Errorf("%d lost, received %v", lost, bodies)
			}
			t.Logf("SUMMARY alone, fsync, file cut by %d bytes: acknowledged %d, lost %d, the last ones", cut, count+1, lost)
		})
	}
}
