package cost

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/llac-project/llac/platform/runtime"
)

// Requests counts what one delivery asked of the lake and published. A decorator of the store and the publisher counts it
// while the service runs, and writes it to the span of the delivery.
type Requests struct {
	Gets      int
	Puts      int
	Lists     int
	Published int // messages
}

// ReadRequests reads a span file: the requests of each delivery, by span id. A file that does not exist has none.
func ReadRequests(file string) (map[string]Requests, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the spans: %w", err)
	}
	defer f.Close() // read only
	out := map[string]Requests{}
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // a line without an end is being written
		}
		if err != nil {
			return nil, fmt.Errorf("read the spans of %s: %w", file, err)
		}
		var span struct {
			ID         string                     `json:"span_id"`
			Attributes map[string]json.RawMessage `json:"attributes"`
		}
		if json.Unmarshal(line, &span) != nil || span.Attributes[runtime.AttributeGets] == nil {
			continue // not a delivery, or one of an earlier version that did not count
		}
		out[span.ID] = Requests{
			Gets: count(span.Attributes[runtime.AttributeGets]), Puts: count(span.Attributes[runtime.AttributePuts]),
			Lists: count(span.Attributes[runtime.AttributeLists]), Published: count(span.Attributes[runtime.AttributePublished]),
		}
	}
}

// count reads a number; 0 if there is none.
func count(raw json.RawMessage) int {
	var n int
	_ = json.Unmarshal(raw, &n)
	return n
}
