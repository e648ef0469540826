package pattern

import (
	"math/rand/v2"
	"testing"
)

// TestSkipContainer compares the block-wise skipper with the byte-wise one on texts dense with what matters to it. The texts
// are drawn uniformly, because rapid prefers short ones and the blocks are 64 bytes.
func TestSkipContainer(t *testing.T) {
	t.Parallel()
	alphabets := []string{
		`{}[]"\ax,:0`,
		`{}[]""aaaaaaaaaxxxxxxxxxxx,,,,,,,:::::::00000000000`,
		`{{{}}}""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,,,,,,,,,,,,,,,,,`,
		`"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]`,
		`"]\xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`,
	}
	r := rand.New(rand.NewPCG(1, 2))
	far := 0 // texts that close behind the first block
	for range 50000 {
		alphabet := alphabets[r.IntN(len(alphabets))]
		text := make([]byte, r.IntN(400))
		for i := range text {
			text[i] = alphabet[r.IntN(len(alphabet))]
		}
		for i := range min(len(text), r.IntN(4)) {
			text[i] = '['
		}
		end, depth, _ := skipBytes(text, 0, len(text), 1, false)
		want := -1
		if depth == 0 {
			want = end
			if end > 64 {
				far++
			}
		}
		if got := skipContainer(text, 0); got != want {
			t.Fatalf("%q: %d, want %d", text, got, want)
		}
	}
	if far < 5000 {
		t.Errorf("only %d texts close behind the first block", far)
	}
}
