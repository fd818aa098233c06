import { type FormEvent, useId } from 'react'
import { visible } from '../../../shared/domain/text.ts'
import type { UrlState } from '../../data/url-state.ts'
import type { TypicalQuery } from '../../domain/features.ts'
import { type Asked, featureParam, labelParam, requestedParam, written } from './asked.ts'

export interface AskFormProps {
  readonly url: UrlState
  readonly asked: Asked
  readonly typical: TypicalQuery
}

/** What the next run has: features, labels, what its user requests. */
export function AskForm({ url, asked, typical }: AskFormProps) {
  const { query, problems } = asked
  const fields = [
    ...Object.keys(query.features).map((name) => ({
      param: featureParam(name),
      label: visible(name),
      value: url.get(featureParam(name)) ?? written(name, query.features[name] ?? 0),
      typical: typical.features[name] === undefined ? '' : written(name, typical.features[name]),
    })),
    ...Object.keys(query.labels).map((name) => ({
      param: labelParam(name),
      label: visible(name),
      value: query.labels[name] ?? '',
      typical: typical.labels[name] ?? '',
    })),
    { param: requestedParam, label: 'requested memory', value: url.get(requestedParam) ?? '', typical: '' },
  ]
  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    const changes = fields.map(({ param, typical: usual }) => {
      const text = String(data.get(param) ?? '').trim()
      return [param, text === usual ? undefined : text] as const
    })
    url.set(Object.fromEntries(changes), { keep: true })
  }
  const fieldsKey = fields.map(({ param, value }) => `${param}=${value}`).join('&')
  return (
    <form key={fieldsKey} className="ask" onSubmit={onSubmit}>
      {fields.map(({ param, label, value }) => (
        <Field key={param} name={param} label={label} value={value} problem={problems[param]} />
      ))}
      <button type="submit" className="primary">
        Ask
      </button>
    </form>
  )
}

interface FieldProps {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly problem: string | undefined
}

function Field({ name, label, value, problem }: FieldProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        defaultValue={value}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
      />
      {problem === undefined ? null : (
        <small id={`${id}-problem`} className="bad">
          {problem}
        </small>
      )}
    </div>
  )
}
