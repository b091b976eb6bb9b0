package gate

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestNumbersOfTexts reads the same texts as a partition's value and as a cell: both are numbers by the grammar of the
// stager, or none.
func TestNumbersOfTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"08": 8, "-3.5": -3.5, "1E+2": 100, "0x10": none, "Inf": none, "NaN": none, "1_000": none, ".5": none, "": none, "Girona": none,
	} {
		builder := array.NewStringBuilder(memory.DefaultAllocator)
		builder.Append(text)
		builder.AppendNull()
		cells := map[string]arrow.Array{"kind": builder.NewArray()}
		for from, r := range map[string]row{
			"a partition": {partition: map[string]string{"kind": text}}, "a cell": {columns: cells},
		} {
			got, ok := r.Number("kind")
			if ok != (want != none) || ok && got != want {
				t.Errorf("%q of %s is %v, %v, want %v", text, from, got, ok, want)
			}
		}
		if got, ok := (row{columns: cells, index: 1}).Number("kind"); ok {
			t.Errorf("null is the number %v", got)
		}
	}
}

// none represents a text that is not a number.
const none = -1
