package dispatch

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Tasks run at the same time, whether goroutines are kept for them or not; finish waits for those that tasks have started,
// and leaves no goroutine behind (a bubble does not end with one).
func TestWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers()
		var done atomic.Int32
		for range 3 { // the second and third time on kept goroutines
			began := time.Now()
			for range 2 * maxIdle {
				w.start(func() {
					<-time.After(time.Second)
					w.start(func() {
						<-time.After(time.Second)
						done.Add(1)
					})
				})
			}
			<-time.After(2 * time.Second)
			synctest.Wait()
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("it took %v", took)
			}
			if idle := w.idle.Load(); idle != maxIdle {
				t.Errorf("%d goroutines are kept, want %d", idle, maxIdle)
			}
		}
		w.start(func() {
			<-time.After(time.Second)
			w.start(func() { done.Add(1) })
		})
		w.finish()
		if n := done.Load(); n != 6*maxIdle+1 {
			t.Errorf("%d tasks ended, want %d", n, 6*maxIdle+1)
		}
	})
}
