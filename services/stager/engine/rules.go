package engine

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/llac-project/llac/platform/cast"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/rowrule"
	"github.com/llac-project/llac/platform/lake"
)

// rule is a row rule compiled for staging.
type rule struct {
	condition *rowrule.Condition
	action    contract.RuleAction
	reads     []int // columns that the condition reads
	refuses   []int // columns that become null when the row violates the rule
	repairs   []int // columns that the condition reads and that have a second reading
	why       rejection
}

// addRules compiles the contract's row rules. slot is the run's slot, from which conditions get run_date.
func (p *plan) addRules(c *contract.Contract, slot string) error {
	p.byName = map[string]int{}
	for i, col := range p.columns {
		p.byName[col.field.Name] = i
	}
	if at, err := lake.ParseSlot(slot); err == nil {
		p.runDate = at
	}
	for _, declared := range c.RowRules {
		condition, err := c.CompileRowRule(declared)
		if err != nil {
			return fmt.Errorf("row rule %s: %w; correct the contract", declared.Name, err)
		}
		r := rule{condition: condition, action: declared.Action, why: rejection{
			code: RowRule + Code(declared.Name), message: cmp.Or(declared.Description, "want "+declared.Condition),
		}}
		for _, name := range condition.Columns {
			at := p.byName[name]
			r.reads = append(r.reads, at)
			if p.columns[at].field.Repair == contract.RepairThousands {
				r.repairs = append(r.repairs, at)
			}
		}
		for _, name := range declared.Columns {
			r.refuses = append(r.refuses, p.byName[name])
		}
		p.rules = append(p.rules, r)
	}
	return nil
}

// cachedColumns is the largest number of columns of a rule whose outcomes are cached.
const cachedColumns = 4

// maxOutcomes bounds the cached outcomes of one rule.
const maxOutcomes = 1 << 16

// outcomes caches the outcomes of a rule by the numbers of the cells that it reads.
type outcomes map[[cachedColumns]uint32]rowrule.Outcome

// applyRules applies the row rules to the current record. It returns the rejection of the record, or nil.
func (w *worker) applyRules() *rejection {
	for i := range w.plan.rules {
		r := &w.plan.rules[i]
		if w.outcome(i) != rowrule.Violated && !w.isSpoiled(r) {
			continue
		}
		if len(r.repairs) > 0 && w.repair(r) {
			continue
		}
		switch r.action {
		case contract.RuleRow:
			return &r.why
		case contract.RuleWarn:
			w.warnings = append(w.warnings, &r.why)
		case contract.RuleCell:
			for _, at := range r.refuses {
				if w.number[at] != 0 {
					w.refuse(at, &r.why)
				}
			}
		}
	}
	return nil
}

// outcome returns the outcome of a rule for the current record, from the cache if possible.
func (w *worker) outcome(i int) rowrule.Outcome {
	r := &w.plan.rules[i]
	var key [cachedColumns]uint32
	if len(r.reads) > len(key) {
		return r.condition.Evaluate(ruleRow{worker: w})
	}
	for k, at := range r.reads {
		if key[k] = w.number[at]; key[k] == directCell {
			return r.condition.Evaluate(ruleRow{worker: w})
		}
	}
	if known, ok := w.outcomes[i][key]; ok {
		return known
	}
	outcome := r.condition.Evaluate(ruleRow{worker: w})
	if len(w.outcomes[i]) < maxOutcomes {
		w.outcomes[i][key] = outcome
	}
	return outcome
}

// isSpoiled reports whether a refused value among the columns that the rule can repair has a second reading. The separators of
// the row are then lost, and no value of these columns counts unless the rule proves it.
func (w *worker) isSpoiled(r *rule) bool {
	return len(r.repairs) > 0 && slices.ContainsFunc(w.refusals, func(f refusal) bool {
		return slices.Contains(r.repairs, f.column) && len(w.readings(f.column)) > 0
	})
}

// ruleRow is the current record as conditions see it. Columns in place of are read with another value.
type ruleRow struct {
	*worker
	instead map[int]int64
}

// Value implements rowrule.Row.
func (r ruleRow) Value(name string) any {
	if name == rowrule.RunDate {
		if r.plan.runDate.IsZero() {
			return nil
		}
		return r.plan.runDate
	}
	at := r.plan.byName[name]
	if v, ok := r.instead[at]; ok {
		return v
	}
	if r.number[at] == 0 {
		return nil
	}
	return r.plan.columns[at].goValue(r.cells[at].payload)
}

// goValue returns a payload as a Go value.
func (c *column) goValue(payload []byte) any {
	switch c.field.Type {
	case contract.Integer:
		return int64(binary.LittleEndian.Uint64(payload))
	case contract.Number:
		return math.Float64frombits(binary.LittleEndian.Uint64(payload))
	case contract.Decimal:
		f, _ := strconv.ParseFloat(cast.DecimalText(payload, c.field.Scale), 64) // it is a decimal numeral
		return f
	case contract.Boolean:
		return payload[0] == 1
	case contract.Date:
		return time.Unix(int64(int32(binary.LittleEndian.Uint32(payload)))*86400, 0).UTC()
	case contract.Timestamp:
		return time.UnixMicro(int64(binary.LittleEndian.Uint64(payload))).UTC()
	}
	return string(payload)
}

// repair looks for readings of the rule's columns that satisfy the rule. If there is exactly one, repair applies it and
// returns true.
func (w *worker) repair(r *rule) bool {
	readings := make([][]int64, len(r.repairs))
	for k, at := range r.repairs {
		if readings[k] = w.readings(at); len(readings[k]) == 0 {
			return false
		}
	}
	row := ruleRow{worker: w, instead: map[int]int64{}}
	var found map[int]int64
	several := false
	var try func(k int)
	try = func(k int) {
		if several {
			return
		}
		if k < len(readings) {
			for _, v := range readings[k] {
				row.instead[r.repairs[k]] = v
				try(k + 1)
			}
			return
		}
		if r.condition.Evaluate(row) != rowrule.Holds {
			return
		}
		several = found != nil
		found = map[int]int64{}
		for at, v := range row.instead {
			found[at] = v
		}
	}
	try(0)
	if found == nil || several {
		return false
	}
	for _, at := range r.repairs {
		w.replace(at, found[at], r)
	}
	return true
}

// readings returns the values that a column may have: the value that was read, and that of its second reading.
func (w *worker) readings(at int) (values []int64) {
	col := w.plan.columns[at]
	if w.number[at] != 0 {
		values = append(values, int64(binary.LittleEndian.Uint64(w.cells[at].payload)))
	}
	text, null, bad := col.text(w.raw[at])
	if bad != nil || null {
		return values
	}
	if v, ok := cast.Thousands(text); ok && !slices.Contains(values, v) && col.check(text, value{whole: v}) == nil {
		values = append(values, v)
	}
	return values
}

// replace sets the cell of a column to the value that a rule proved, unless it has this value already.
func (w *worker) replace(at int, v int64, r *rule) {
	col, s := w.plan.columns[at], &w.direct[at]
	if w.number[at] != 0 && int64(binary.LittleEndian.Uint64(w.cells[at].payload)) == v {
		return
	}
	w.refusals = slices.DeleteFunc(w.refusals, func(f refusal) bool { return f.column == at })
	s.payload = appendPayload(s.payload[:0], col.field.Type, value{whole: v})
	s.hashed = appendHashed(s.hashed[:0], col.field.Type, value{whole: v})
	w.cells[at], w.number[at] = cell{payload: s.payload, hashed: s.hashed}, directCell
	why := &rejection{code: Repaired, message: "the only reading that satisfies " + string(r.why.code)}
	w.repaired = append(w.repaired, refusal{at, why})
}
