package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
)

// TestDictionariesOverflow stages columns with few values, then more than a dictionary holds, then few again, with long
// texts and pages of very different sizes.
func TestDictionariesOverflow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	var pages []string
	var b strings.Builder
	n := 0
	page := func(rows int, code func(int) string) {
		b.Reset()
		b.WriteByte('[')
		for i := range rows {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":%d,"code":%q,"few":"%d","day":"%04d-03-%02d","price":%d.25,"z":"%d"`, n, code(i), r.IntN(5),
				1900+n%200, 1+n%28, n, n%3)
			if n%7000 == 17 {
				fmt.Fprintf(&b, `,"long":%q`, strings.Repeat(fmt.Sprint(n, " "), 20_000))
			}
			b.WriteByte('}')
			n++
		}
		b.WriteByte(']')
		pages = append(pages, b.String())
	}
	few := func(i int) string { return fmt.Sprintf("comarca %d", i%40) }
	all := func(i int) string { return fmt.Sprintf("codi %d/%x", n, r.Uint32()) }
	page(1, few)
	page(9_000, few)
	page(3, all)
	page(50_000, all)
	page(0, all)
	page(22_000, all)
	page(6_000, few)
	page(700, few)
	contract := `{"Key":["id"],"KeyConflict":"latest","Fields":[{"Name":"id","Type":"integer"},{"Name":"code"},{"Name":"few"},` +
		`{"Name":"day","Type":"date"},
		{"Name":"price","Type":"decimal","Precision":12,"Scale":2},{"Name":"long"},{"Name":"nothing"},{"Name":"z"}]}`
	if r := agree(t, plainRun(t, contract, pages...)); r.Staged != int64(n) {
		t.Errorf("staged %d rows, want %d", r.Staged, n)
	}
}

func TestThousandsOfPartitions(t *testing.T) {
	t.Parallel()
	var pages []string
	for p := range 3 {
		var b strings.Builder
		b.WriteByte('[')
		for i := range 1200 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":"%d-%d","p":"%d"}`, p, i, i*(p+1))
		}
		b.WriteByte(']')
		pages = append(pages, b.String())
	}
	r := agree(t, plainRun(t, `{"Key":["id"],"Partition":["p"],"Fields":[{"Name":"id"},{"Name":"p","Type":"integer"}]}`, pages...))
	if len(r.Files) < 2000 || r.Staged != 3600 {
		t.Errorf("%d files, %d rows", len(r.Files), r.Staged)
	}
}

// TestManyKeys stages more keys and longer rows than a small memory holds, over several partitions. Some keys are
// repeated and some are in conflict, within a page and across pages.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	var pages []string
	for range 12 {
		var b strings.Builder
		b.WriteByte('[')
		for i := range 2500 {
			key := r.IntN(40_000)
			note := strings.Repeat(fmt.Sprintf("%x ", key*2654435761), key%40)
			fmt.Fprintf(&b, `%s{"id":"%032d","v":%d,"day":"2024-01-%02d","note":%q}`,
				separator(i), key, key+r.IntN(50)/49, 1+key%28, note)
		}
		b.WriteByte(']')
		pages = append(pages, b.String())
	}
	for _, policy := range []contract.KeyConflict{contract.QuarantineConflicts, contract.LatestWins} {
		in := plainRun(t, `{"Key":["id","day"],"Partition":["day"],"Fields":[{"Name":"id"},{"Name":"v","Type":"integer"},`+
			`{"Name":"day","Type":"date"},{"Name":"note"}]}`, pages...)
		in.Contract.KeyConflict = policy
		if r := agree(t, in); r.Duplicates < 1000 || policy == contract.QuarantineConflicts && r.Quarantined < 100 {
			t.Errorf("%s: %+v, want 1000 duplicates and 100 conflicts at least", policy, r)
		}
	}
}

// TestMoreKeysThanMemory checks that keys in files give the same bytes as keys in memory. Rows repeat and contradict
// rows that were staged long before.
func TestMoreKeysThanMemory(t *testing.T) {
	t.Parallel()
	const pages, rows = 40, 20_000
	const distinct = pages * rows * 9 / 10
	in := plainRun(t, `{"Key":["k"],"Partition":["p"],"Fields":[{"Name":"k","Type":"integer"},{"Name":"p"},{"Name":"v","Type":"integer"}]}`)
	for page := range pages {
		var b []byte
		for row := range rows {
			n := page*rows + row
			key, value := n%distinct, 0
			if n >= distinct && n%100 == 0 {
				value = 1 // contradicts the key's first row
			}
			b = fmt.Appendf(b, `,{"k":%d,"p":%d,"v":%d}`, key, key%8, value)
		}
		b[0] = '['
		in.Pages = append(in.Pages, newPage(fmt.Sprintf("landing/things/page-%d", page), string(append(b, ']'))))
	}
	small := Options{Memory: 8 << 20, Temporary: t.TempDir()}
	want, first := mustStage(t, in, Options{})
	const again = pages*rows - distinct
	if want.Quarantined != 2*again/100 || want.Duplicates != again-again/100 || want.Staged != distinct-again/100 {
		t.Errorf("staged %d, duplicates %d, quarantined %d", want.Staged, want.Duplicates, want.Quarantined)
	}
	got, second := mustStage(t, in, small)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || !maps.EqualFunc(first.files, second.files, bytes.Equal) {
		t.Errorf("a small memory gives %+v, want %+v and the same files", got, want)
	}
	small.Temporary += "/nowhere"
	if _, err := Stage(t.Context(), in, newMemorySink(), small); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a temporary folder: got %v, want os.ErrNotExist", err)
	}
}

// TestWideRecords stages two hundred columns of all types, a tenth of them absent from each row.
func TestWideRecords(t *testing.T) {
	t.Parallel()
	g := newGenerator(5)
	g.contract = parseContract(t, `{"Key":["f0"],"KeyConflict":"latest","Fields":[{"Name":"f0","Type":"integer"}]}`)
	g.pools["f0"] = []genCell{{text: "1"}, {text: "2"}, {raw: "3"}, {raw: "44"}, {raw: "5"}, {raw: "6"}}
	for i := 1; i < 200; i++ {
		f := contract.Field{Name: fmt.Sprintf("f%d", i), Source: fmt.Sprintf("f%d", i), Type: genTypes[i%len(genTypes)],
			Staged: true, Precision: 20, Scale: 3}
		g.contract.Fields = append(g.contract.Fields, f)
		g.pools[f.Source] = []genCell{{absent: true}}
		for range 10 {
			if cell := (genCell{text: g.valid(&f)}); f.Type != contract.JSON {
				g.pools[f.Source] = append(g.pools[f.Source], cell)
			}
		}
	}
	var pages []string
	for range 3 {
		var records []string
		for range 10 {
			r := g.record()
			for _, f := range g.contract.Fields {
				if _, bad := refRead(f, false, []byte(g.spell(r[f.Source]))); bad != "" {
					r[f.Source] = g.pools[f.Source][0]
				}
			}
			records = append(records, g.write(r, func() string { return "" }))
		}
		pages = append(pages, "["+strings.Join(records, ",")+"]")
	}
	if r := agree(t, plainRunOf(g.contract, pages...)); r.Staged < 3 {
		t.Errorf("staged %d rows, want 3 at least", r.Staged)
	}
}

// TestManyUnknownFields checks that the contract's fields are found after more unknown fields than the reader numbers.
func TestManyUnknownFields(t *testing.T) {
	t.Parallel()
	var unknown strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&unknown, `"s%d":1,`, i)
	}
	late := `[{"id":"a","text":"x"},{` + unknown.String() + `"whole":"no","id":"b","zone":"7","price":1.5},{"id":"c",` +
		unknown.String() + `"zone":"8","open":"true","te\u0078t":"y"}]`
	agree(t, plainRun(t, everyType, `[{`+unknown.String()+`"id":"a"},{"id":"d","text":"x","whole":5}]`, late,
		`[{"text":"z","id":"c","zone":"8","phone":"1"}]`))
}

// TestLevelChangesOnlyBytes checks that every compression level stores the same rows.
func TestLevelChangesOnlyBytes(t *testing.T) {
	t.Parallel()
	in := plainRun(t, everyType, registerPages(6, 3, 300, 500)...)
	want := refStage(t, in)
	sizes := map[int]int{}
	for _, level := range []int{0, 1, 3, 9} {
		r, out := mustStage(t, in, Options{Level: level})
		compare(t, in, want, r, out)
		for body := range maps.Values(out.files) {
			sizes[level] += len(body)
		}
	}
	if sizes[0] != sizes[DefaultLevel] {
		t.Errorf("the default level gives %d bytes, level %d gives %d", sizes[0], DefaultLevel, sizes[DefaultLevel])
	}
}

// separator returns what precedes element i of a JSON array.
func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
