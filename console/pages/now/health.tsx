import { useHealth } from '../../data/use-health.ts'

/** How the three processes are, as the gateway was told. */
export function Health() {
  const { data, isError } = useHealth()
  if (isError) return <p className="banner">The gateway gives no answer. See that it runs: foresize up.</p>
  return (
    <ul className="health" aria-label="Health of the services">
      {(data ?? []).map(({ name, isServing, problem }) => (
        <li key={name} className={isServing ? 'good' : 'bad'}>
          <span aria-hidden="true">{isServing ? '●' : '▲'}</span> {name}{' '}
          {isServing ? 'serves' : `does not serve: ${problem}`}
        </li>
      ))}
    </ul>
  )
}
