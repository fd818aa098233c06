import { useId } from 'react'
import { type DimensionName, dimensionNames, isDimensionName } from '../domain/dimensions.ts'

export interface DimensionPickerProps {
  readonly value: DimensionName
  readonly onChange: (value: DimensionName) => void
}

export function DimensionPicker({ value, onChange }: DimensionPickerProps) {
  const id = useId()
  return (
    <span className="picker">
      <label htmlFor={id}>Dimension</label>
      <select
        id={id}
        value={value}
        onChange={({ target }) => {
          if (isDimensionName(target.value)) onChange(target.value)
        }}
      >
        {Object.keys(dimensionNames).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </span>
  )
}
