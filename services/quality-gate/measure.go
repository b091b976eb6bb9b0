package gate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// pageColumn is the lineage column by which a sample can be walked back to its raw page.
const pageColumn = "landing_object_key"

// measurements are what one pass over a candidate's files found.
type measurements struct {
	rows    int64
	keys    uniqueness
	columns map[string]*column
	orphans map[string]*count // by column
	invalid map[string]*count // by name of the contract's rule
}

type column struct {
	nulls    int64
	nullRows []Sample
	values   uniqueness
	low      float64
	high     float64
	numbers  int64
}

// count counts failing values among those that are not null.
type count struct {
	failing int64
	values  int64
	samples []Sample
}

func (c *count) add(failed bool, sample func() Sample) {
	c.values++
	if failed {
		c.failing++
		if len(c.samples) < samplesPerRule {
			c.samples = append(c.samples, sample())
		}
	}
}

// uniqueness counts distinct values by digest, 16 bytes a value however long it is.
type uniqueness struct {
	seen    map[[16]byte]struct{}
	doubled int64
	samples []Sample
}

func (u *uniqueness) add(text string, sample func() Sample) {
	if u.seen == nil {
		u.seen = map[[16]byte]struct{}{}
	}
	sum := sha256.Sum256([]byte(text))
	d := [16]byte(sum[:16])
	if _, there := u.seen[d]; there {
		u.doubled++
		if len(u.samples) < samplesPerRule {
			u.samples = append(u.samples, sample())
		}
		return
	}
	u.seen[d] = struct{}{}
}

// check is a rule of the metric "invalid", ready to be asked.
type check struct {
	rule    contract.Rule
	pattern *regexp.Regexp
}

func (k check) fails(text string, value float64, numeric bool) bool {
	r := k.rule
	return len(r.Values) > 0 && !slices.Contains(r.Values, text) ||
		k.pattern != nil && !k.pattern.MatchString(text) ||
		r.Low != nil && (!numeric || value < *r.Low) ||
		r.High != nil && (!numeric || value > *r.High)
}

// measure reads every file of the candidate once.
func (g gate) measure(ctx context.Context, c *contract.Contract, candidate lake.Candidate, references map[contract.Reference]map[string]bool) (*measurements, error) {
	m := &measurements{columns: map[string]*column{}, orphans: map[string]*count{}, invalid: map[string]*count{}}
	wanted := append([]string{pageColumn}, c.Key...)
	checks := make([]check, len(c.Quality))
	unique := map[string]bool{}
	for i, r := range c.Quality {
		checks[i].rule = r
		if r.Metric == "invalid" && r.Pattern != "" {
			p, err := regexp.Compile(`^(?:` + r.Pattern + `)$`)
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", r.Name, err)
			}
			checks[i].pattern = p
		}
		if r.Metric == "invalid" {
			m.invalid[r.Name] = &count{}
		}
		if r.Column != "" {
			wanted = append(wanted, r.Column)
			m.columns[r.Column] = &column{}
			unique[r.Column] = unique[r.Column] || r.Metric == "duplicate_count" || r.Metric == "distinct_count"
		}
		if f := c.Field(r.Column); r.Metric == "reference_orphans" && f != nil {
			m.orphans[r.Column] = &count{}
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	// A reference to the dataset's own column is looked up in the candidate, which must be read for it first.
	for ref, values := range references {
		if ref.Dataset != c.Dataset {
			continue
		}
		for _, o := range candidate.Objects {
			if err := g.scan(ctx, o, []string{ref.Column}, func(r row) {
				if text, null := r.text(ref.Column); !null {
					values[text] = true
				}
			}); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range candidate.Objects {
		if err := g.scan(ctx, o, wanted, func(r row) { m.add(r, c, checks, unique, references) }); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *measurements) add(r row, c *contract.Contract, checks []check, unique map[string]bool, references map[contract.Reference]map[string]bool) {
	m.rows++
	sample := func(column string) func() Sample {
		return func() Sample {
			s := Sample{Key: map[string]string{}}
			for _, k := range c.Key {
				text, _ := r.text(k)
				s.Key[k] = shorten(text)
			}
			text, _ := r.text(column)
			s.Value = shorten(text)
			s.Page, _ = r.text(pageColumn)
			return s
		}
	}
	if len(c.Key) > 0 {
		var key strings.Builder
		for _, k := range c.Key {
			text, null := r.text(k)
			key.WriteString(strconv.FormatBool(null) + strconv.Itoa(len(text)) + ":" + text)
		}
		m.keys.add(key.String(), sample(c.Key[0]))
	}
	for name, col := range m.columns {
		text, null := r.text(name)
		if null {
			col.nulls++
			if len(col.nullRows) < samplesPerRule {
				col.nullRows = append(col.nullRows, sample(name)())
			}
			continue
		}
		if unique[name] {
			col.values.add(text, sample(name))
		}
		if value, numeric := r.number(name); numeric {
			if col.numbers == 0 || value < col.low {
				col.low = value
			}
			if col.numbers == 0 || value > col.high {
				col.high = value
			}
			col.numbers++
		}
		if orphans := m.orphans[name]; orphans != nil {
			orphans.add(!references[*c.Field(name).Reference][text], sample(name))
		}
	}
	for _, k := range checks {
		if k.rule.Metric != "invalid" {
			continue
		}
		if text, null := r.text(k.rule.Column); !null {
			value, numeric := r.number(k.rule.Column)
			m.invalid[k.rule.Name].add(k.fails(text, value, numeric), sample(k.rule.Column))
		}
	}
}

// maxShown bounds a value in a sample, in bytes. The whole value is in the file.
const maxShown = 200

// shorten cuts a text without cutting a character.
func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + fmt.Sprintf("… (%d bytes)", len(text))
}

// apply holds one rule of the contract against the measurements.
func (m *measurements) apply(rule contract.Rule, candidate lake.Candidate, baseline *lake.PointerPart) RuleResult {
	out := RuleResult{
		Name: rule.Name, Metric: rule.Metric, Column: rule.Column, Unit: rule.Unit, Minimum: rule.Min, Maximum: rule.Max,
		Severity: rule.Severity, Dimension: rule.Dimension, Side: rule.Side, Text: rule.Text,
	}
	if out.Severity == "" {
		out.Severity = "error"
	}
	value, known := m.value(rule, candidate, baseline, &out)
	if !known {
		// Nothing to measure: no baseline, or no value at all. A metric that this build does not know is never passed.
		out.Passed = slices.ContainsFunc(contract.Metrics, func(m contract.Metric) bool { return m.Name == rule.Metric })
		return out
	}
	out.Observed = &value
	out.Passed = within(rule, value)
	if out.Passed {
		out.Samples = nil
	}
	return out
}

func (m *measurements) value(rule contract.Rule, candidate lake.Candidate, baseline *lake.PointerPart, out *RuleResult) (float64, bool) {
	col := m.columns[rule.Column]
	if col == nil {
		col = &column{}
	}
	switch rule.Metric {
	case "row_count":
		return float64(m.rows), true
	case "row_count_change_percent":
		if baseline == nil || baseline.Rows == 0 {
			out.Note = "no published snapshot to compare with"
			return 0, false
		}
		published := float64(baseline.Rows)
		out.Baseline = &published
		return 100 * (float64(m.rows) - published) / published, true
	case "null_percent":
		out.Samples = col.nullRows
		return share(col.nulls, m.rows, "percent"), true
	case "duplicate_count":
		if rule.Column == "" {
			out.Samples = m.keys.samples
			return share(m.keys.doubled, m.rows, rule.Unit), true
		}
		out.Samples = col.values.samples
		return share(col.values.doubled, m.rows, rule.Unit), true
	case "distinct_count":
		return float64(len(col.values.seen)), true
	case "minimum":
		return col.low, col.numbers > 0
	case "maximum":
		return col.high, col.numbers > 0
	case "invalid":
		c := m.invalid[rule.Name]
		out.Samples = c.samples
		return share(c.failing, c.values, rule.Unit), true
	case "reference_orphans":
		if c := m.orphans[rule.Column]; c != nil {
			out.Samples = c.samples
			return share(c.failing, c.values, rule.Unit), true
		}
		return 0, false
	case "quarantined_percent":
		return share(candidate.Quarantined, candidate.RowsIn, "percent"), true
	}
	out.Note = fmt.Sprintf("this build of the gate does not know the metric %q", rule.Metric)
	return 0, false
}

func share(n, of int64, unit string) float64 {
	if unit != "percent" {
		return float64(n)
	}
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

func within(r contract.Rule, v float64) bool {
	return !(r.Min != nil && (v < *r.Min || r.MinOpen && v == *r.Min) ||
		r.Max != nil && (v > *r.Max || r.MaxOpen && v == *r.Max))
}
