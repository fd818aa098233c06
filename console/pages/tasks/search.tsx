import { useEffect, useRef } from 'react'

export interface SearchProps {
  readonly value: string
  readonly onChange: (value: string) => void
}

/** The slash leads into it from anywhere. */
export function Search({ value, onChange }: SearchProps) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return
      event.preventDefault()
      field.current?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  return (
    <label className="search">
      <span>Find</span>
      <input
        ref={field}
        type="search"
        value={value}
        placeholder="part of a task’s name  ( / )"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  )
}
